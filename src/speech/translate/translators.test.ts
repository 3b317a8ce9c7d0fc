import assert from "node:assert/strict";
import { test } from "node:test";
import { never } from "./fakes.test.support.ts";
import { listTranslators, openTranslator, translatorEngines } from "./translators.ts";

const spanish = { source: "en", target: "es" };

test("no engine says everything as it stands, for one language only", async () => {
  const none = await openTranslator({ engine: "none", direction: { source: "en", target: "en-GB" } });
  assert.deepEqual(await none.translate(["Done."], never), ["Done."]);
  assert.deepEqual([none.isRemote, none.licence.isCommercial], [false, true]);
  await none.close();
  await assert.rejects(openTranslator({ engine: "none", direction: spanish }), { code: "usage" });
});

test("what an engine needs is asked for", async () => {
  for (const engine of ["transformers", "openai"] as const) {
    await assert.rejects(openTranslator({ engine, direction: spanish }), {
      code: "usage",
      message: /a model/,
    });
  }
  await assert.rejects(openTranslator({ engine: "openai", direction: spanish, model: "m" }), {
    message: /a base URL/,
  });
  for (const engine of translatorEngines.slice(1)) {
    const direction = { source: "en-US", target: "en-GB" };
    await assert.rejects(openTranslator({ engine, direction, model: "m" }), {
      code: "usage",
      message: /two languages/,
    });
  }
});

test("an opened engine has limits", async () => {
  // Nothing listens there: port 9 is that of discarding, and the rest begins after one failure.
  const limits = { failuresToRest: 1 };
  const baseUrl = "http://127.0.0.1:9/v1";
  const translator = await openTranslator({
    engine: "openai",
    direction: spanish,
    model: "m",
    baseUrl,
    limits,
  });
  await assert.rejects(translator.translate(["Done."], never), { code: "translation_failed" });
  await assert.rejects(translator.translate(["Done."], never), { message: /rests for 30 s/ });
  await translator.close();
});

test("all engines are listed, with what is missing", async () => {
  const infos = await listTranslators(spanish);
  assert.deepEqual(
    infos.map(({ engine }) => engine),
    [...translatorEngines],
  );
  for (const { available, reason } of infos)
    assert.ok(available || (reason !== undefined && reason.length > 10));
  const of = (direction: typeof spanish) =>
    listTranslators(direction).then((all) => all.find((info) => info.engine === "apertium")!);
  assert.equal((await of({ source: "en", target: "ja" })).available, false);
  const breton = await of({ source: "br", target: "fr" });
  assert.ok(breton.available || breton.reason?.includes("apertium-br-fr"));
});
