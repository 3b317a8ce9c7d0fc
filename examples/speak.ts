// Speaks the stream of an OpenAI-compatible chat while it is written: Ctrl-C silences, a second one ends.
// With a file as the first word it writes a WAV there instead of playing.
import { openSpeaker } from "limbeck";

const [out, url = "http://127.0.0.1:8080/v1"] = process.argv.slice(2);
const response = await fetch(`${url}/chat/completions`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    model: "any",
    stream: true,
    messages: [{ role: "user", content: "Explain in three sentences why the sky is blue." }],
  }),
});
if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);

const speaker = await openSpeaker({
  format: "openai",
  ...(out === undefined ? {} : { out, srt: `${out}.srt` }),
  onEvent: (event) => {
    if (event.type === "heard") console.log(event.wording.text);
    if (event.type === "failed") console.error(event.error.message);
  },
});
process.once("SIGINT", () => speaker.interrupt());

// A server-sent stream goes in as it comes: the speaker finds the words in it, and asks for more when it has room.
for await (const piece of response.body) await speaker.write(piece);
const { said, timeToFirstAudioMs } = await speaker.end();
console.log(
  `${said} segments, the first sound ${timeToFirstAudioMs?.toFixed(0) ?? "–"} ms after the first byte`,
);
