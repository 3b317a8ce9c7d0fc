// The transformers.js engine against Python's transformers, on tiny checkpoints that know a few sentences by heart.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { LimbeckError } from "#limbeck/base/errors.js";
import { translateSegment, translateSegments } from "#limbeck/speech/translate/guard.js";
import { openTransformers, type TransformersEngine } from "#limbeck/speech/translate/transformers.js";
import type { Segment } from "#limbeck/speech/types.js";
import { repositoryPath } from "../../bench/repository.ts";
import { runPython, temporaryFolder } from "./python.ts";

interface Case {
  readonly source: string;
  readonly target: string;
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly answers: readonly string[];
  readonly learnt: readonly string[];
  readonly margins: readonly number[];
}
type Answers = Readonly<Record<string, { readonly loss: number; readonly cases: readonly Case[] }>>;

const families = ["nllb", "m2m100", "marian", "madlad"] as const;
/** Sums in another order move logits by about 1e-5: a step that was closer says nothing. */
const leastMargin = 1e-3;
const signal = new AbortController().signal;
const folder = temporaryFolder();
let answers: Answers;

/** The entry file of transformers.js, from bench/peers or from where scripts/oracle-transformers-js.sh puts it. */
function transformersModule(): string {
  const parts = ["node_modules", "@huggingface", "transformers", "dist", "transformers.node.mjs"];
  const places = [repositoryPath("bench", "peers"), repositoryPath(".venv-oracle", "transformers-js")];
  const found = places.map((place) => path.join(place, ...parts)).find((file) => fs.existsSync(file));
  if (found !== undefined) return pathToFileURL(found).href;
  const cure = "Run: bash scripts/oracle-transformers-js.sh";
  throw new LimbeckError("missing_dependency", `oracle tier: no transformers.js. ${cure}`, { cure });
}

function openFamily(
  family: string,
  { source, target }: Pick<Case, "source" | "target">,
): Promise<TransformersEngine> {
  return openTransformers({
    direction: { source, target },
    model: path.join(folder, family),
    acceptNonCommercial: true,
    threads: 1,
    module: transformersModule(),
  });
}

function segmentOf(text: string, ...kept: readonly string[]): Segment {
  const verbatim = kept.map((part) => [text.indexOf(part), text.indexOf(part) + part.length] as const);
  return { index: 0, agent: "a", priority: "normal", text, verbatim, atMs: 0 };
}

/** Answers of so many tokens may be ones without an end, cut off at different places. */
const unendedFrom = 24;

function assertSameAnswer(got: readonly number[], expected: readonly number[], shown: string): void {
  const common = Math.min(got.length, expected.length);
  if (common < unendedFrom) assert.deepEqual(got, expected, shown);
  else assert.deepEqual(got.slice(0, common), expected.slice(0, common), shown);
}

before(() => {
  runPython("test/oracle/translate.py", [folder]);
  answers = JSON.parse(fs.readFileSync(path.join(folder, "answers.json"), "utf8")) as Answers;
});

for (const family of families) {
  test(`${family}: greedy ids and texts are those of transformers, in a batch as one by one`, async () => {
    let compared = 0;
    for (const given of answers[family]!.cases) {
      const engine = await openFamily(family, given);
      try {
        assert.equal(engine.family, family);
        const batch = await engine.translateToIds(given.texts, signal);
        for (const [i, text] of given.texts.entries()) {
          if (given.margins[i]! < leastMargin) continue;
          const alone = await engine.translateToIds([text], signal);
          const shown = `${given.source} to ${given.target}: ${text}`;
          assertSameAnswer(batch.ids[i]!, given.ids[i]!, shown);
          assertSameAnswer(alone.ids[0]!, given.ids[i]!, shown);
          if (given.ids[i]!.length < unendedFrom)
            assert.equal(batch.texts[i], given.answers[i]!.trim(), shown);
          compared++;
        }
        // What it learnt proves that the languages were told rightly: with a wrong token it answers in another one.
        for (const learnt of given.learnt) assert.ok(batch.texts.includes(learnt), learnt);
      } finally {
        await engine.close();
      }
    }
    assert.ok(compared >= 26, `${compared} texts were compared`);
  });

  test(`${family}: verbatim parts come back where the model puts their placeholders`, async () => {
    const engine = await openFamily(family, { source: "en-GB", target: "es" });
    try {
      const segments = [
        segmentOf("parse_all calls lexer.ts, which fails.", "parse_all", "lexer.ts"),
        segmentOf("I edited src/a_b.rs.", "src/a_b.rs"),
        segmentOf("Done."),
      ];
      assert.deepEqual(await translateSegments(engine, segments, signal), [
        {
          text: "parse_all llama a lexer.ts, que falla.",
          language: "es",
          translated: true,
          verbatim: [
            [0, 9],
            [18, 26],
          ],
        },
        { text: "Edité src/a_b.rs.", language: "es", translated: true, verbatim: [[6, 16]] },
        { text: "Hecho.", language: "es", translated: true, verbatim: [] },
      ]);
      // It has never seen this one, and loses or doubles the placeholder: nothing of that may be spoken.
      const unseen = segmentOf("The green parser.ts reads a zebra now.", "parser.ts");
      const { text, language, translated } = await translateSegment(engine, unseen, signal);
      assert.ok(
        translated ? text.split("parser.ts").length === 2 : text === unseen.text && language === "en-GB",
      );
    } finally {
      await engine.close();
    }
  });
}

test("an interrupted call ends at once, and the model answers the next", async () => {
  const engine = await openFamily("m2m100", { source: "en", target: "es" });
  try {
    const stop = new AbortController();
    const call = engine.translate(["The test passed.", "zebra"], stop.signal);
    stop.abort();
    await assert.rejects(call, { code: "cancelled" });
    assert.deepEqual(await engine.translate(["The test passed."], signal), ["La prueba pasó."]);
  } finally {
    await engine.close();
  }
  await assert.rejects(engine.translate(["Done."], signal), { code: "translation_failed" });
});

test("the event loop goes on while the model works", async () => {
  const engine = await openFamily("nllb", { source: "en", target: "fr" });
  try {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await engine.translate(
      Array.from({ length: 64 }, () => "The build is green and all tests pass now."),
      signal,
    );
    clearInterval(timer);
    assert.ok(turns > 3, `${turns} turns`);
  } finally {
    await engine.close();
  }
});

test("weights of NLLB and weights of an unknown licence are refused, a licence that allows it is not", async () => {
  const direction = { source: "en", target: "es" };
  const options = { direction, threads: 1, module: transformersModule() };
  await assert.rejects(openTransformers({ ...options, model: path.join(folder, "nllb") }), {
    code: "usage",
    message: /CC-BY-NC-4\.0/,
  });
  const renamed = path.join(folder, "tiny");
  fs.cpSync(path.join(folder, "marian"), renamed, { recursive: true });
  await assert.rejects(openTransformers({ ...options, model: renamed }), {
    code: "usage",
    message: /licence is unknown/,
  });
  fs.writeFileSync(path.join(renamed, "README.md"), "---\nlicense: apache-2.0\n---\n");
  const engine = await openTransformers({ ...options, model: renamed });
  await engine.close();
  assert.deepEqual(engine.licence, { name: "Apache-2.0", isCommercial: true });
});

test("a language that the model lacks, and a folder that is no model, are errors", async () => {
  await assert.rejects(openFamily("m2m100", { source: "en", target: "de" }), {
    code: "usage",
    message: /__de__/,
  });
  await assert.rejects(openFamily("nllb", { source: "en", target: "tlh" }), {
    code: "usage",
    message: /tlh/,
  });
  await assert.rejects(openFamily("nowhere", { source: "en", target: "es" }), { code: "file_not_found" });
  const broken = path.join(folder, "broken");
  fs.cpSync(path.join(folder, "marian"), broken, { recursive: true });
  fs.writeFileSync(path.join(broken, "onnx", "encoder_model.onnx"), "no model");
  await assert.rejects(openFamily("broken", { source: "en", target: "es" }), { code: "translation_failed" });
});
