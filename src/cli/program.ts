import { Command, Option } from "commander";
import { defaultEndpoint } from "../flow/hub-address.ts";
import { quickstartDefaults as defaults } from "../flow/quickstart-defaults.ts";
import { weightFormats } from "../model/weight-formats.ts";
import { type SpeculationMode, speculationModes } from "../runtime/types.ts";
import { streamFormatChoices, translatorChoices } from "../speech/choices.ts";
import { controlCommands } from "../speech/control.ts";
import { rateRange, speechModes } from "../speech/settings.ts";
import type { CommandAction } from "./execute.ts";
import {
  type BlessFlags,
  batchRequest,
  blockSize,
  type ChatFlags,
  type CommonFlags,
  type DistilFlags,
  type DoctorFlags,
  type ExportFlags,
  type GateFlags,
  integerFrom,
  licenceName,
  type MeasureFlags,
  numberWithin,
  type PullFlags,
  type QuickstartFlags,
  type RunFlags,
  type ScoreFlags,
  type ServeFlags,
  type SpeakFlags,
  shapeList,
} from "./flags.ts";

/** Runs one command's action inside the frame: context, result, exit status. */
export type Execute = (flags: CommonFlags, action: CommandAction) => Promise<void>;

const baselineDir = "folder of the blessed baselines (default: .limbeck/baselines)";
const maxBad = "lines of a dataset that may be bad: they are skipped and named";
const reportArgument = "report file, run folder or run id (default: the latest run)";

const speculate = (modes: readonly SpeculationMode[]): Option =>
  new Option("--speculate <mode>", "draft tokens: where it pays (auto), never, or always in one way")
    .choices(modes)
    .default("off");

/**
 * The whole command line. Each action imports its own file only when it runs, so that `--help` and a usage
 * error stay quick. Nothing is printed here: `execute` and commander's output settings decide.
 */
export function buildProgram(version: string, execute: Execute): Command {
  const program = new Command("limbeck")
    .description("Distils, exports, proves and runs small tool-calling language models that answer fast.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError(false)
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ getOutHelpWidth: () => 100, getErrHelpWidth: () => 100 })
    .exitOverride();

  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .helpOption("-h, --help", "print this help")
      .option("--json", "print one JSON document as the last line of standard output")
      .option("--quiet", "print no progress");

  command("quickstart", "run the whole flow on the embedded task: data, distil, export, measure, score, gate")
    .option("--seed <n>", "seed of the dataset and of the training", integerFrom(0), defaults.seed)
    .option("--out <dir>", "run folder (default: .limbeck/runs/<id>)")
    .option("--baseline-dir <dir>", baselineDir)
    .option("--recipe <file>", "training recipe (default: the quickstart recipe of the package)")
    .option("--examples <n>", `test examples to score (default: ${defaults.testExamples})`, integerFrom(1))
    .option("--train-examples <n>", `training examples (default: ${defaults.trainExamples})`, integerFrom(1))
    .option("--steps <n>", "training steps (default: as the recipe says)", integerFrom(1))
    .option(
      "--rounds <n>",
      `passes over the measured prompts (default: ${defaults.measureRounds})`,
      integerFrom(1),
    )
    .action((flags: QuickstartFlags) =>
      execute(flags, async (context) => (await import("./quickstart.ts")).quickstartCommand(flags, context)),
    );

  command("distil", "train a student from a recipe, a dataset and a teacher checkpoint")
    .requiredOption("--recipe <file>", "training recipe (YAML)")
    .option("--student <dir>", "checkpoint to start from (default: from scratch, as the recipe says)")
    .option("--teacher <dir>", "teacher checkpoint (default: none, plain cross-entropy)")
    .option("--tokenizer <dir>", "tokenizer of a student from scratch (default: the student's own)")
    .requiredOption("--data <file>", "training dataset (JSONL)")
    .option("--validation <file>", "validation dataset (JSONL)")
    .option("--max-bad <n>", maxBad, integerFrom(0), 0)
    .requiredOption("--out <dir>", "folder of the checkpoints and the log")
    .option("--seed <n>", "seed (default: as the recipe says)", integerFrom(0))
    .option("--steps <n>", "training steps (default: as the recipe says)", integerFrom(1))
    .option("--resume", "continue from the last checkpoint in --out, to the same bits")
    .option("--dry-run", "only say whether this run can work: memory, time, shapes, unusable lines")
    .action((flags: DistilFlags) =>
      execute(flags, async (context) => (await import("./distil.ts")).distilCommand(flags, context)),
    );

  command("pull", "fetch a checkpoint from a model hub: resumed where it was cut, every file checked")
    .argument("<repo>", "the model's name on the hub, as owner/name")
    .option("--revision <name>", "branch, tag or commit", "main")
    .option("--out <dir>", "checkpoint folder (default: the model's name)")
    .option("--include <patterns...>", 'only files that match, as "*.json" (default: what export needs)')
    .option("--token-file <file>", "file with the hub's token (default: HF_TOKEN, else none)")
    .option("--endpoint <url>", "address of the hub", defaultEndpoint)
    .action((repo: string, flags: PullFlags) =>
      execute(flags, async (context) => (await import("./pull.ts")).pullCommand(repo, flags, context)),
    );

  command("export", "write a checkpoint as an artefact: ONNX model, tokenizer, manifest, parity proven")
    .argument("<checkpoint>", "checkpoint folder")
    .addOption(new Option("--format <format>", "weights").choices(weightFormats).default("int8"))
    .option(
      "--block <n>",
      "weights that share a scale in int8-block and int4: 128 (default) is faster, 32 allows drafts and batches",
      blockSize,
    )
    .requiredOption("--out <dir>", "artefact folder")
    .option("--shapes <list>", "prompt lengths to record in it, as 64,128 (default: the context)", shapeList)
    .option(
      "--licence <id>",
      "licence to record in it, as apache-2.0 (default: what the checkpoint's README.md or LICENSE says)",
      licenceName,
    )
    .action((checkpoint: string, flags: ExportFlags) =>
      execute(flags, async (context) =>
        (await import("./export.ts")).exportCommand(checkpoint, flags, context),
      ),
    );

  command("run", "answer a prompt with an artefact, streaming")
    .argument("[prompt]", "the user's words (default: standard input)")
    .option("--artefact <dir>", "artefact folder (default: the student of the latest run)")
    .option(
      "--tools <file>",
      "tools to offer, a JSON array in the OpenAI format (default: the embedded task's)",
    )
    .option("--system <text>", "system message")
    .option("--max-tokens <n>", "most output tokens", integerFrom(1), 200)
    .option("--temperature <t>", "0 is greedy", numberWithin(0, 10), 0)
    .option("--top-p <p>", "nucleus sampling", numberWithin(0, 1))
    .option("--seed <n>", "seed of the sampling", integerFrom(0), 0)
    .action((prompt: string | undefined, flags: RunFlags) =>
      execute(flags, async (context) => (await import("./run.ts")).runCommand(prompt, flags, context)),
    );

  command("chat", "talk with an artefact: history, tools, streamed answers; from a pipe one message a line")
    .option("--artefact <dir>", "artefact folder (default: the student of the latest run)")
    .option(
      "--tools <file>",
      "tools to offer, a JSON array in the OpenAI format (default: the embedded task's)",
    )
    .option("--system <text>", "system message")
    .option("--max-tokens <n>", "most output tokens of one turn (default: the context)", integerFrom(1))
    .option("--temperature <t>", "0 is greedy", numberWithin(0, 10), 0)
    .option("--top-p <p>", "nucleus sampling", numberWithin(0, 1))
    .option("--seed <n>", "seed of the sampling", integerFrom(0), 0)
    .addOption(speculate(["auto", "off", "prompt_lookup"]))
    .action((flags: ChatFlags) =>
      execute(flags, async (context) => (await import("./chat.ts")).chatCommand(flags, context)),
    );

  command("serve", "serve an artefact to OpenAI clients: chats, completions, tools, metrics")
    .requiredOption("--artefact <dir>", "artefact folder")
    .option("--name <name>", "name of the model (default: the folder's)")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <n>", "port; 0 takes one that is free", integerFrom(0), 8080)
    .option("--api-key-file <file>", "key that clients must send (default: LIMBECK_API_KEY, else none)")
    .option("--max-queue <n>", "most open requests beside the one that runs", integerFrom(0), 64)
    .option("--deadline-s <seconds>", "most time for one request", numberWithin(0.1, 86_400), 120)
    .option("--grace-s <seconds>", "time for open requests to end when stopping", numberWithin(0, 3600), 10)
    .option("--max-tokens <n>", "most output tokens of one request (default: the context)", integerFrom(1))
    .option("--max-body-kb <n>", "largest request body, in KiB", integerFrom(1), 1024)
    .option("--threads <n>", "threads of one native run (default: by the model's size)", integerFrom(1))
    .option("--draft <dir>", "artefact of a smaller model with the same tokenizer, to draft tokens")
    .addOption(speculate(speculationModes))
    .option("--cache-ram-mb <n>", "memory for prompts that were read, in MiB", integerFrom(0), 256)
    .option("--cache-dir <dir>", "folder for prompts that were read; it survives a restart")
    .option(
      "--cache-disk-mb <n>",
      "most of that folder, in MiB (default: a quarter of what is free, 30 GiB at most)",
      integerFrom(1),
    )
    .option("--access-log", "print one JSON line a request to standard error")
    .action((flags: ServeFlags) =>
      execute(flags, async (context) => (await import("./serve.ts")).serveCommand(flags, context)),
    );

  command("measure", "measure an artefact's speed: TTFT, TPS, TPOT, TTFA per shape, with raw samples")
    .argument("<artefact>", "artefact folder")
    .requiredOption("--dataset <file>", "dataset whose prompts are used (JSONL)")
    .option("--max-bad <n>", maxBad, integerFrom(0), 0)
    .option("--shapes <list>", "prompt lengths to group by, as 64,128 (default: as exported)", shapeList)
    .option("--prompts <n>", "prompts of each shape (default: 5)", integerFrom(1))
    .option("--rounds <n>", "passes over the prompts (default: 8)", integerFrom(1))
    .option(
      "--warmups <n>",
      "runs of each shape that are dropped first (default: each prompt once)",
      integerFrom(0),
    )
    .option("--limit <n>", "use the first n examples only", integerFrom(1))
    .option("--out <file>", "write the speed report here")
    .action((artefact: string, flags: MeasureFlags) =>
      execute(flags, async (context) =>
        (await import("./measure.ts")).measureCommand(artefact, flags, context),
      ),
    );

  command("score", "score an artefact's answers through the tool loop: F1, arguments, controls, privacy")
    .argument("<artefact>", "artefact folder")
    .requiredOption("--dataset <file>", "dataset with expectations (JSONL)")
    .option("--max-bad <n>", maxBad, integerFrom(0), 0)
    .option("--limit <n>", "use the first n examples only", integerFrom(1))
    .option("--out <file>", "write the score report here")
    .option("--transcripts <file>", "write what was said, one example a line")
    .option("--resume", "keep the transcripts that are already in the file")
    .option(
      "--batch <n>",
      "examples that run side by side: 1 to 4, or auto, which measures; answers stay the same",
      batchRequest,
      "auto",
    )
    .action((artefact: string, flags: ScoreFlags) =>
      execute(flags, async (context) => (await import("./score.ts")).scoreCommand(artefact, flags, context)),
    );

  command("gate", "hold a report against the thresholds and the blessed baseline")
    .argument("[report]", reportArgument)
    .option("--baseline-dir <dir>", baselineDir)
    .option("--allow-cross-hw", "compare with a baseline of other hardware, for information: cannot pass")
    .option("--markdown", "print the verdict as Markdown")
    .action((report: string | undefined, flags: GateFlags) =>
      execute(flags, async () => (await import("./gate.ts")).gateCommand(report, flags)),
    );

  command("bless", "make a report the baseline that later ones are held against")
    .argument("[report]", reportArgument)
    .option("--why <text>", "the reason, kept with the baseline")
    .option("--who <name>", "who approves (default: the user's name on this machine)")
    .option("--force", "bless although a rule fails; needs --why")
    .option("--baseline-dir <dir>", baselineDir)
    .action((report: string | undefined, flags: BlessFlags) =>
      execute(flags, async (context) => (await import("./bless.ts")).blessCommand(report, flags, context)),
    );

  command(
    "speak",
    "speak an agent's stream while it is written: standard input, a file, or a command after --",
  )
    .argument("[command...]", "after `--`: a command whose standard output is spoken")
    .option("--follow <file>", "speak what is added to a file, through cuts and rotations")
    .option("--from-start", "with --follow: what is in the file already too")
    .option("--say <text>", "speak this text")
    .addOption(new Option("--format <format>", "of the stream").choices(streamFormatChoices).default("auto"))
    .option("--voice <name>", "voice, as --list-voices names it (default: the embedded one of the language)")
    .option("--list-voices", "list the voices of this machine")
    .option("--language <tag>", "language of the stream (default: en)")
    .option("--to <tag>", "language to speak; another one than the stream's is translated to")
    .addOption(
      new Option(
        "--translate <engine>",
        "how to translate (default: apertium, where --to asks for it)",
      ).choices(translatorChoices),
    )
    .option(
      "--translate-model <name>",
      "transformers: folder or name on the hub; openai: name at the endpoint",
    )
    .option("--translate-url <url>", "openai: the endpoint's base URL")
    .option("--translate-key-file <file>", "openai: file with the key (default: LIMBECK_TRANSLATE_KEY)")
    .option("--accept-noncommercial", "allow weights whose licence allows no commercial use")
    .option("--out <file>", "write a WAV file instead of playing")
    .addOption(
      new Option("--pace <pace>", "with --out: at once, or in real time as it would be heard")
        .choices(["fast", "real"])
        .default("fast"),
    )
    .option("--srt <file>", "write subtitles: what was said when")
    .option("--device <name>", "loudspeaker (default: the system's)")
    .option("--rate <r>", "speed, 1 is the voice's own", numberWithin(rateRange.least, rateRange.most))
    .option("--volume <v>", "from 0 to 1", numberWithin(0, 1))
    .addOption(
      new Option("--mode <mode>", "least delay, or best speech (default: balanced)").choices(speechModes),
    )
    .option("--config <file>", "settings (YAML); every key acts or is warned of")
    .option("--stats", "print what each stage took, gaps, and what was left out")
    .option("--control <socket>", "take commands at a Unix socket")
    .addOption(
      new Option("--send <command>", "send one to the speaker at --control, and print its answer").choices(
        controlCommands,
      ),
    )
    .option("--no-keys", "read no keys from the terminal")
    .action((words: readonly string[], flags: SpeakFlags) =>
      execute(flags, async (context) => {
        // Commander keeps the words as they came, and gives its operands without the dashes between them.
        const { rawArgs } = program as Command & { readonly rawArgs: readonly string[] };
        return (await import("./speak.ts")).speakCommand(words, rawArgs.includes("--"), flags, context);
      }),
    );

  command("doctor", "print this machine, the backends found and a self-check of each")
    .option("--speech", "check what `speak` needs instead: loudspeaker, voice, translator; say a sentence")
    .option("--voice <name>", "with --speech: the voice to check")
    .option("--language <tag>", "with --speech: language of the stream (default: en)")
    .option("--to <tag>", "with --speech: language to speak")
    .addOption(
      new Option("--translate <engine>", "with --speech: how to translate").choices(translatorChoices),
    )
    .option("--out <file>", "with --speech: write the test sentence instead of playing it")
    .action((flags: DoctorFlags) =>
      execute(flags, async (context) =>
        flags.speech === true
          ? (await import("./doctor-speech.ts")).doctorSpeechCommand(flags, context)
          : (await import("./doctor.ts")).doctorCommand(context),
      ),
    );

  program.addHelpText(
    "after",
    [
      "",
      "Exit status: 0 done or pass, 1 a gate failed, 2 usage or bad input, 3 missing environment,",
      "4 inconclusive, 70 a bug of ours, 130 interrupted. DEBUG=1 prints stacks.",
    ].join("\n"),
  );
  return program;
}
