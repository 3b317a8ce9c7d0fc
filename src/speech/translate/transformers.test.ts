import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { never } from "./fakes.test.support.ts";
import { familyOf, languageTokens, marianPair } from "./families.ts";
import { modelLicence } from "./licences.ts";
import { openTransformers } from "./transformers.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-translate-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/**
 * A stand-in for transformers.js: words are tokens; the model answers each source backwards, one token a step, and goes
 * on behind the end as the library does. "stall" in a text makes it go on for ever.
 */
const fakeLibrary = `
const words = ["<s>", "<pad>", "</s>", "<unk>", "__en__", "__es__", "one", "two", "three", "four", "junk", "stall"];
export const LogLevel = { NONE: 50 };
export const env = {};
export class StoppingCriteria {}
export class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
class M2M100Tokenizer {
  eos_token_id = 2;
  pad_token_id = 1;
  encode(text) { return text.split(" ").map((word) => Math.max(3, words.indexOf(word))); }
  decode(ids) { return ids.map((id) => words[id]).join(" "); }
  convert_tokens_to_ids(token) { const id = words.indexOf(token); return id < 0 ? undefined : id; }
}
export const AutoTokenizer = { from_pretrained: async (name) => {
  if (name === "broken") throw new Error("no tokenizer.json");
  return new M2M100Tokenizer();
} };
export const AutoModelForSeq2SeqLM = { from_pretrained: async () => ({
  config: { model_type: "m2m_100", decoder_start_token_id: 2 },
  generation_config: null,
  async generate({ input_ids, attention_mask, forced_bos_token_id, decoder_start_token_id, max_new_tokens, stopping_criteria: [stop] }) {
    const [rows, width] = input_ids.dims;
    const sources = Array.from({ length: rows }, (_, r) => Array.from({ length: width }, (_, c) => r * width + c)
      .filter((at) => attention_mask.data[at] === 1n).map((at) => Number(input_ids.data[at])));
    const answers = sources.map((ids) => [...ids.slice(1, -1).reverse(), 2]);
    const isStalled = sources.some((ids) => ids.includes(11));
    const out = sources.map(() => [BigInt(decoder_start_token_id)]);
    for (let step = 0; isStalled || step < max_new_tokens; step++) {
      out.forEach((row, r) => row.push(BigInt(step === 0 ? forced_bos_token_id : isStalled ? 10 : (answers[r][step - 1] ?? 10))));
      if (out.length > 0 && sources.some((ids) => ids[0] !== 4)) throw new Error("no source language");
      if (stop._call(out).every(Boolean)) break;
      if (!isStalled && step > Math.max(...answers.map(({ length }) => length))) throw new Error("went on behind all ends");
    }
    return { tolist: () => out };
  },
  async dispose() {},
}) };
`;
const module = path.join(folder, "library.mjs");
fs.writeFileSync(module, fakeLibrary);

function modelFolder(name: string, licence?: string): string {
  const model = path.join(folder, name);
  fs.mkdirSync(model, { recursive: true });
  fs.writeFileSync(path.join(model, "config.json"), "{}");
  if (licence !== undefined)
    fs.writeFileSync(path.join(model, "README.md"), `---\nlicense: ${licence}\ntags: []\n---\n`);
  return model;
}
const open = (model: string, options: { acceptNonCommercial?: boolean; target?: string } = {}) =>
  openTransformers({
    direction: { source: "en-GB", target: options.target ?? "es" },
    model,
    module: pathToFileURL(module).href,
    ...(options.acceptNonCommercial === undefined
      ? {}
      : { acceptNonCommercial: options.acceptNonCommercial }),
  });

test("a batch of unequal texts is cut at each one's end, and waits for the last", async () => {
  const engine = await open(modelFolder("free", "mit"));
  try {
    assert.deepEqual([engine.family, engine.licence], ["m2m100", { name: "MIT", isCommercial: true }]);
    const texts = ["one two", "one two three four", "three"];
    assert.deepEqual(await engine.translateToIds(texts, never), {
      texts: ["two one", "four three two one", "three"],
      ids: [[7, 6], [9, 8, 7, 6], [8]],
    });
    assert.deepEqual(await engine.translate([], never), []);
  } finally {
    await engine.close();
  }
  await assert.rejects(engine.translate(["one"], never), { code: "translation_failed" });
});

test("an interrupted call stops inside the model, and the next is answered", async () => {
  const engine = await open(modelFolder("free", "mit"));
  try {
    const stop = new AbortController();
    const call = engine.translate(["stall"], stop.signal);
    const waiting = engine.translate(["two"], stop.signal);
    setTimeout(() => stop.abort(), 30);
    await assert.rejects(call, { code: "cancelled" });
    await assert.rejects(waiting, { code: "cancelled" });
    assert.deepEqual(await engine.translate(["one two"], never), ["two one"]);
    // Closing stops what runs as well.
    const last = assert.rejects(engine.translate(["stall"], never), {
      code: "translation_failed",
      message: /interrupted/,
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await engine.close();
    await last;
  } finally {
    await engine.close();
  }
});

test("what cannot be opened says why", async () => {
  await assert.rejects(open(modelFolder("broken", "mit")), {
    code: "translation_failed",
    message: /no tokenizer\.json/,
  });
  await assert.rejects(open(modelFolder("free", "mit"), { target: "fr" }), {
    code: "usage",
    message: /__fr__/,
  });
  await assert.rejects(open("./nowhere"), { code: "file_not_found" });
  const options = { direction: { source: "en", target: "es" }, model: modelFolder("free", "mit") };
  await assert.rejects(openTransformers({ ...options, module: "limbeck-no-such-package" }), {
    code: "missing_dependency",
    cure: /npm install @huggingface\/transformers/,
  });
});

test("licences: refused where a product may not use the weights or nobody knows, before anything is loaded", async () => {
  const refused = { code: "usage", cure: /--accept-noncommercial/ };
  await assert.rejects(open("Xenova/nllb-200-distilled-600M"), refused);
  await assert.rejects(open("someone/some-translator"), refused);
  await assert.rejects(open(modelFolder("unnamed")), refused);
  await assert.rejects(open(modelFolder("noncommercial", "cc-by-nc-4.0")), refused);
  const engine = await open(modelFolder("unnamed"), { acceptNonCommercial: true });
  await engine.close();
  assert.deepEqual(engine.licence, { name: "unknown", isCommercial: false });
  assert.equal(modelLicence("Xenova/opus-mt-en-es", undefined).name, "CC-BY-4.0");
  assert.equal(modelLicence("google/madlad400-3b-mt", undefined).name, "Apache-2.0");
  // What a card says stands before what a name suggests.
  assert.equal(modelLicence("nllb-mine", modelFolder("nllb-mine", "apache-2.0")).name, "Apache-2.0");
  assert.equal(modelLicence("x", modelFolder("unnamed"), "nllb").name, "CC-BY-NC-4.0");
});

test("each family is told the languages in its own way", () => {
  const has = (...tokens: string[]) => ({ hasToken: (token: string) => tokens.includes(token) });
  const direction = { source: "en-US", target: "zh-TW" };
  const nllb = { modelType: "m2m_100", tokenizerClass: "NllbTokenizer", ...has("eng_Latn", "zho_Hant") };
  assert.equal(familyOf(nllb), "nllb");
  assert.deepEqual(languageTokens("nllb", direction, nllb), { source: "eng_Latn", target: "zho_Hant" });
  const m2m = { modelType: "m2m_100", tokenizerClass: "M2M100Tokenizer", ...has("__en__", "__zh__") };
  assert.equal(familyOf(m2m), "m2m100");
  assert.deepEqual(languageTokens("m2m100", direction, m2m), { source: "__en__", target: "__zh__" });
  const madlad = { modelType: "t5", tokenizerClass: "T5Tokenizer", ...has("<2en>", "<2zh>") };
  assert.equal(familyOf(madlad), "madlad");
  assert.deepEqual(languageTokens("madlad", direction, madlad), { source: "<2zh>" });
  const marian = { modelType: "marian", tokenizerClass: "MarianTokenizer", ...has(">>zho<<") };
  assert.equal(familyOf(marian), "marian");
  assert.deepEqual(languageTokens("marian", direction, marian), { source: ">>zho<<" });
  assert.deepEqual(languageTokens("marian", direction, { ...marian, ...has() }), {});
  assert.throws(() => languageTokens("madlad", { source: "en", target: "fr" }, madlad), {
    code: "usage",
    message: /<2fr>/,
  });
  assert.throws(() => familyOf({ modelType: "t5", tokenizerClass: "T5Tokenizer", ...has() }), {
    code: "usage",
  });
  assert.throws(() => familyOf({ modelType: "llama", tokenizerClass: "", ...has() }), { code: "usage" });
});

test("a pair that the name of a model tells must be the one that is wanted", async () => {
  assert.deepEqual(marianPair("Xenova/opus-mt-tc-big-en-es"), { source: "en", target: "es" });
  assert.equal(marianPair("Xenova/opus-mt-en-ROMANCE"), undefined);
  await assert.rejects(open("Xenova/opus-mt-es-en"), { code: "usage", message: /en-GB to es/ });
});
