import assert from "node:assert/strict";
import { test } from "node:test";
import { packagePath } from "#limbeck/flow/package-files.js";
import { fromPcm16 } from "#limbeck/speech/sound/wav.js";
import { openPico, picoMarkup } from "#limbeck/speech/voice/pico-engine.js";
import { assertClose, runPython } from "./python.ts";

/** There is no recogniser at hand for these languages; that our samples are those of the native program can be told. */
const sentences = [
  ["de-DE", "gl0", "Die Prüfung läuft jetzt durch, aber zwei Teile davon sind langsam."],
  ["es-ES", "zl0", "Las pruebas pasan ahora, pero dos de ellas son muy lentas: ¿por qué?"],
  ["fr-FR", "nk0", "Les tests passent maintenant, mais deux d'entre eux sont très lents."],
  ["it-IT", "cm0", "I test ora passano, ma due di loro sono lenti; perché?"],
] as const;

for (const [language, speaker, text] of sentences) {
  test(`the embedded voice of ${language} is SVOX Pico's, sample by sample`, async () => {
    const file = (kind: string): string => packagePath("assets", "voices", "pico", `${language}_${kind}.bin`);
    const engine = await openPico({ language, textAnalysis: file("ta"), signals: file(`${speaker}_sg`) });
    const ours = engine.speak(text, 1, () => false)!;
    const native = fromPcm16(
      Buffer.from(runPython("test/oracle/pico.py", [language, picoMarkup(text)]), "base64"),
    );
    assert.ok(native.some((sample) => Math.abs(sample) > 0.1));
    assertClose(ours, native, 1e-3, language);
  });
}
