import assert from "node:assert/strict";
import { test } from "node:test";
import type { Segment } from "../types.ts";
import { openApertium, overPipe, whyNoApertium } from "./apertium.ts";
import { debianPackage, findMode, pipelineScript } from "./apertium-modes.ts";
import { fromStream, toStream } from "./apertium-stream.ts";
import { english, never, segment } from "./fakes.test.support.ts";
import { translateSegments } from "./guard.ts";
import { openTranslator } from "./translators.ts";

test("signs that Apertium reads as its own are escaped, and placeholders are blanks", () => {
  const text = "a^b $c/d\\e @f <g> {h} [i]";
  assert.equal(toStream(text), "a\\^b \\$c\\/d\\\\e \\@f \\<g\\> \\{h\\} \\[i\\][]");
  assert.equal(fromStream(toStream(text), text), text);
  assert.equal(toStream("Open ⟦0⟧\n now"), "Open [⟦0⟧] now.[]");
  assert.equal(fromStream(" Abre  [⟦0⟧] ahora.[]", "Open ⟦0⟧ now"), "Abre ⟦0⟧ ahora");
  assert.equal(toStream("A 3-line block, GPT-4."), "A 3 line block, GPT-4.[]");
  assert.equal(fromStream("Abre [⟦0⟧] , ahora .[]", "Open ⟦0⟧, now."), "Abre ⟦0⟧, ahora.");
});

test("a direction finds its mode, that of its variant first", () => {
  const modes = ["en-ca", "eng-spa", "spa-eng", "spa-eng_US"].map((name) => ({ name, file: name }));
  const nameOf = (source: string, target: string): string | undefined =>
    findMode(modes, { source, target })?.name;
  assert.equal(nameOf("en", "es"), "eng-spa");
  assert.equal(nameOf("en-GB", "es-419"), "eng-spa");
  assert.equal(nameOf("es-MX", "en-US"), "spa-eng_US");
  assert.equal(nameOf("es", "en-GB"), "spa-eng");
  assert.equal(nameOf("en", "ca"), "en-ca");
  assert.equal(nameOf("en", "fr"), undefined);
});

test("every stage of a pipeline is told to flush", () => {
  const line =
    "lt-proc 'a b.bin' | apertium-tagger -g $2 'x.prob' | apertium-pretransfer|cg-proc 'c' | lt-proc $1 'g.bin'\n";
  assert.equal(
    pipelineScript(line),
    "lt-proc -z 'a b.bin' | apertium-tagger -z -g $2 'x.prob' | apertium-pretransfer -z|cg-proc -z 'c' | lt-proc -z $1 'g.bin'",
  );
});

test("what is not installed is named, with the Debian package", async () => {
  assert.equal(debianPackage({ source: "es-AR", target: "en" }), "apertium-eng-spa");
  assert.equal(debianPackage({ source: "ja", target: "en" }), undefined);
  const none = { PATH: "/nowhere" };
  assert.match(whyNoApertium(english, none)!.cure, /apt-get install apertium apertium-eng-spa/);
  assert.match(whyNoApertium({ source: "en", target: "ja" }, none)!.cure, /another engine/);
  await assert.rejects(openApertium({ direction: english, timeoutMs: 1000, env: none }), {
    code: "missing_dependency",
    cure: /apertium-eng-spa/,
  });
});

test("an engine over a pipe: texts in order, failures in its own words", async () => {
  const asked: string[] = [];
  let restarts = 0;
  const pipe = {
    staysOpen: true,
    starts: 1,
    ask: async (text: string) => {
      asked.push(text);
      if (text.startsWith("die")) throw new Error("its processes ended");
      if (text.startsWith("mute")) return "[]";
      return text.replace("Done", " Hecho");
    },
    restart: () => {
      restarts++;
    },
    close: async () => undefined,
  };
  const engine = overPipe("apertium:eng-spa", english, pipe);
  assert.deepEqual(await engine.translate(["Done", "b."], never), ["Hecho", "b."]);
  assert.deepEqual(asked, ["Done.[]", "b.[]"]);
  await assert.rejects(engine.translate(["die", "c"], never), {
    code: "translation_failed",
    message: "apertium:eng-spa: its processes ended",
  });
  assert.equal(restarts, 0);
  await assert.rejects(engine.translate(["mute"], never), { code: "translation_failed", message: /empty/ });
  assert.deepEqual([restarts, await engine.translate(["", "…"], never)], [1, ["", "…"]]);
});

/** Verbatim parts as agents write them, with signs that Apertium, shells and sentences have a meaning for. */
const names = [
  "src/a_b.rs",
  "parse_all()",
  "«",
  "a^b$c",
  "[x]",
  "{y}",
  "<T>",
  "C:\\dir",
  "3.14.2",
  "@user",
  "v2",
  "~/x",
  "…",
];
const patterns = [
  "I changed # in # because it failed.",
  "# is slow,",
  "The function # calls #.",
  "Did # fail?",
  "Now I will read # again: it needs #",
  "The tests of # passed",
];

/** A segment with names, from that at `first` on, in the places of a pattern. */
function filled(pattern: string, first: number): Segment {
  const verbatim: [number, number][] = [];
  const text = pattern.split("#").reduce((before, after, i) => {
    const name = names[(first + i) % names.length]!;
    verbatim.push([before.length, before.length + name.length]);
    return before + name + after;
  });
  return { ...segment(""), text, verbatim };
}

const missing = whyNoApertium(english);
if (missing !== undefined && process.env["LIMBECK_REQUIRE_APERTIUM"] === "1") {
  throw new Error(`apertium: ${missing.what}. ${missing.cure}`);
}
const skip = missing === undefined ? false : `apertium: ${missing.what}. ${missing.cure}`;

test("Apertium translates, keeps every verbatim part, and stays one process", { skip }, async () => {
  const translator = await openTranslator({
    engine: "apertium",
    direction: { source: "en-GB", target: "es-ES" },
  });
  try {
    const said = ["The test passed.", "I edited «main.rs».", "«3» tests failed in «12.5» seconds.", "Done."];
    const texts = (
      await translateSegments(
        translator,
        said.map((text) => segment(text)),
        never,
      )
    ).map(({ text }) => text);
    assert.deepEqual(texts, [
      "La prueba pasó.",
      "Edité main.rs.",
      "3 pruebas fallaron en 12.5 segundos.",
      "Hecho.",
    ]);
    const segments = patterns.flatMap((pattern, i) => names.map((_, k) => filled(pattern, i + k)));
    for (const [i, translated] of (await translateSegments(translator, segments, never)).entries()) {
      const { text, verbatim } = segments[i]!;
      const kept = (of: string, spans: typeof verbatim): string[] =>
        spans.map(([start, end]) => of.slice(start, end));
      assert.equal(translated.translated, true, `${text}: ${translated.reason}`);
      assert.deepEqual(
        kept(translated.text, translated.verbatim).sort(),
        kept(text, verbatim).sort(),
        translated.text,
      );
    }
    const unknown = (await translateSegments(translator, [segment("Frobnicate.")], never))[0]!;
    assert.deepEqual([unknown.translated, unknown.language], [false, "en-GB"]);
  } finally {
    await translator.close();
  }
});

test("Apertium's signs in a text harm nothing, and one process answers it all", { skip }, async () => {
  const engine = await openApertium({ direction: english, timeoutMs: 5000 });
  try {
    const hostile = ["a ^b$ c", "{", "[", "]]", "\\", "^x<y>$", "*", "a\0b", "", "[][]", "$(reboot)", "'\"`"];
    const answers = await engine.translate(hostile, never);
    assert.equal(answers.length, hostile.length);
    assert.deepEqual(await engine.translate(["The test passed."], never), ["La prueba pasó."]);
  } finally {
    await engine.close();
  }
});
