import type { StreamFormat } from "./parse/parser.ts";
import type { TranslatorEngine } from "./translate/translators.ts";

/**
 * The names that options take, without the code behind them: a help text must not load parsers and engines. A test holds
 * them against that code.
 */
export const streamFormatChoices: readonly StreamFormat[] = ["auto", "claude", "codex", "openai", "plain"];

export const translatorChoices: readonly TranslatorEngine[] = ["none", "apertium", "transformers", "openai"];
