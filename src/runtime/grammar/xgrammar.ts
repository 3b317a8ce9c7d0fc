import * as fs from "node:fs";
import NodeModule, { createRequire } from "node:module";
import type * as XGrammar from "@mlc-ai/web-xgrammar";
import { LimbeckError } from "../../base/errors.ts";

/** Something inside the WebAssembly memory; `delete` frees it. */
interface Handle {
  delete(): void;
}

interface MatcherHandle extends Handle {
  GetNextTokenBitmask(vocabSize: number): Handle;
  AcceptToken(id: number, isVerbose: boolean): boolean;
  Rollback(tokens: number): void;
  Reset(): void;
}

interface CompilerHandle extends Handle {
  CompileGrammar(grammar: Handle): Handle;
}

/** What is used of the package's own binding; its JavaScript hides that behind promises, copies, and handles it drops. */
interface Binding {
  readonly HEAP8: Int8Array;
  vecStringFromJSArray(values: readonly Uint8Array[]): Handle;
  vecIntFromJSArray(values: readonly number[]): Handle;
  /** A view of the vector's memory; good until the memory grows. */
  vecIntToView(vector: Handle): Int32Array;
  readonly Grammar: { FromEBNF(ebnf: string, root: string): Handle };
  readonly TokenizerInfo: new (
    tokens: Handle,
    kind: "RAW",
    vocabSize: number,
    endIds: Handle,
    prependsSpace: boolean,
  ) => Handle;
  readonly GrammarCompiler: new (info: Handle, threads: number, isCaching: boolean) => CompilerHandle;
  readonly GrammarMatcher: new (
    compiled: Handle,
    endIds: Handle,
    endsWithoutEndId: boolean,
    mostRollback: number,
  ) => MatcherHandle;
}

type Package = typeof XGrammar & { readonly binding: Binding };

const packageName = "@mlc-ai/web-xgrammar";
const bindingLine = "binding = await Module();";

let loaded: Promise<Binding> | undefined;

/**
 * The package is code for `require` in a package that says it is for `import`: neither takes it as it is. So its file is
 * compiled as a CommonJS module here, with its WebAssembly binding exported as well: the package's own `getNextTokenBitmask`
 * is a promise and copies the mask, which a token cannot wait for. Error: `missing_dependency`.
 */
function loadBinding(): Promise<Binding> {
  loaded ??= (async () => {
    const require = createRequire(import.meta.url);
    let file: string;
    let source: string;
    try {
      file = require.resolve(packageName);
      source = fs.readFileSync(file, "utf8");
    } catch (cause) {
      throw new LimbeckError("missing_dependency", `${packageName}: expected it to be installed, ${cause}`, {
        cure: `Install it: npm install ${packageName}`,
        cause,
      });
    }
    const pieces = source.split(bindingLine);
    if (pieces.length !== 2) {
      throw new LimbeckError(
        "missing_dependency",
        `${packageName}: expected version 0.1.27, got another one`,
        {
          cure: "Install the version that package.json names.",
        },
      );
    }
    const module = new NodeModule(file) as NodeModule & { _compile(code: string, filename: string): void };
    module.filename = file;
    module._compile(pieces.join(`${bindingLine} exports.binding = binding;`), file);
    const loadedPackage = module.exports as Package;
    // Whatever is called first starts the WebAssembly module.
    (await loadedPackage.Grammar.builtinJSONGrammar()).dispose();
    return loadedPackage.binding;
  })();
  return loaded;
}

/** A vocabulary as xgrammar knows it. */
export interface GrammarVocabulary {
  readonly vocabSize: number;
  /** Compiles a grammar in xgrammar's notation: milliseconds at 2k tokens, a tenth of a second at 150k. */
  compile(ebnf: string): CompiledRules;
  close(): void;
}

export interface CompiledRules {
  /** A matcher at the beginning; `endIds` are allowed where the text may end. */
  openMatcher(endIds: readonly number[]): TokenMatcher;
  close(): void;
}

export interface TokenMatcher {
  /** Gives one bit for each token that may come next; good until the next call of anything here. */
  readMask<T>(use: (bits: Int32Array) => T): T;
  /** Whether the token was taken. */
  accept(id: number): boolean;
  rollback(tokens: number): void;
  reset(): void;
  close(): void;
}

/** The grammar engine of this thread. */
export interface Xgrammar {
  /**
   * `bytesOf` gives the bytes of each token; one without bytes is never part of a text. What is opened lives in memory
   * that no garbage collector sees: `close` frees it.
   */
  openVocabulary(vocabSize: number, bytesOf: (id: number) => Uint8Array): GrammarVocabulary;
  /** Bytes of memory that all grammars have taken so far; it never shrinks. */
  memoryBytes(): number;
  /** What was opened and is not closed: vocabularies, grammars and matchers. */
  openHandles(): number;
}

let handles = 0;

/** Loads the engine, once for the thread. Error: `missing_dependency`. */
export async function loadXgrammar(): Promise<Xgrammar> {
  const binding = await loadBinding();
  return {
    openVocabulary: (vocabSize, bytesOf) => openVocabulary(binding, vocabSize, bytesOf),
    memoryBytes: () => binding.HEAP8.length,
    openHandles: () => handles,
  };
}

function openVocabulary(
  binding: Binding,
  vocabSize: number,
  bytesOf: (id: number) => Uint8Array,
): GrammarVocabulary {
  /** Runs `use` with a vector of ids that is freed afterwards. */
  const withIds = <T>(ids: readonly number[], use: (vector: Handle) => T): T => {
    const vector = binding.vecIntFromJSArray(ids);
    try {
      return use(vector);
    } finally {
      vector.delete();
    }
  };

  // Bytes, not text: a token need not be whole characters.
  const tokens = binding.vecStringFromJSArray(Array.from({ length: vocabSize }, (_, id) => bytesOf(id)));
  const info = withIds([], (none) => new binding.TokenizerInfo(tokens, "RAW", vocabSize, none, false));
  tokens.delete();
  // Its own cache lasts as long as it does; ours forgets.
  const compiler = new binding.GrammarCompiler(info, 1, false);
  handles++;

  const openMatcher = (compiled: Handle, endIds: readonly number[]): TokenMatcher => {
    const matcher = withIds(endIds, (ids) => new binding.GrammarMatcher(compiled, ids, false, -1));
    handles++;
    return {
      readMask: (use) => {
        const bits = matcher.GetNextTokenBitmask(vocabSize);
        try {
          return use(binding.vecIntToView(bits));
        } finally {
          bits.delete();
        }
      },
      accept: (id) => matcher.AcceptToken(id, false),
      rollback: (count) => matcher.Rollback(count),
      reset: () => matcher.Reset(),
      close: () => {
        matcher.delete();
        handles--;
      },
    };
  };

  return {
    vocabSize,
    compile: (ebnf) => {
      const grammar = binding.Grammar.FromEBNF(ebnf, "root");
      try {
        const compiled = compiler.CompileGrammar(grammar);
        handles++;
        return {
          openMatcher: (endIds) => openMatcher(compiled, endIds),
          close: () => {
            compiled.delete();
            handles--;
          },
        };
      } finally {
        grammar.delete();
      }
    },
    close: () => {
      compiler.delete();
      info.delete();
      handles--;
    },
  };
}
