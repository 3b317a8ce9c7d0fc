"""Writes down what a recogniser (PocketSphinx, its US English model) understands in WAVE files of 16 kHz.

`transcribe.py FILE...` prints a JSON list of one text per file.
"""

import json
import sys
import wave

import numpy
from pocketsphinx import Decoder

decoder = Decoder(samprate=16000, loglevel="FATAL", maxhmmpf=3000, maxwpf=10)
random = numpy.random.RandomState(1)
texts = []
for name in sys.argv[1:]:
    with wave.open(name) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), name
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    # Quiet before and after, and a little noise: perfect silence is nothing that its model has heard.
    pause = numpy.zeros(4800)
    samples = numpy.concatenate([pause, samples, pause])
    samples = (samples + random.randn(len(samples)) * 4).astype(numpy.int16)
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    texts.append(found.hypstr if found else "")
print(json.dumps(texts))
