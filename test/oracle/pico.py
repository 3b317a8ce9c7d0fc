"""Speaks with the native build of SVOX Pico.

`pico.py LANGUAGE TEXT` prints its samples, 16-bit little-endian at 16 kHz, in base64.
"""

import base64
import sys

from py_nanotts import NanoTTS

_, language, text = sys.argv
print(base64.b64encode(NanoTTS().speak(text, voice=language)).decode())
