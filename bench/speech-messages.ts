/** Messages of a coding agent as such agents write them: short remarks, summaries, lists, code, tables. */
export const agentMessages: readonly string[] = [
  "I'll start by looking at how the parser reads its input.",
  "Now let me check the tests.",
  "Done.",
  `I've found the root cause. The \`handleRequest\` function in \`src/server/router.ts:128\` doesn't await \`db.query()\`, so the promise is dropped and the error is lost.

## Changes

1. **\`router.ts\`** — added \`await\` and a \`try/catch\` block:
   \`\`\`ts
   try {
     const rows = await db.query(sql, [user.id]);
     response.json(rows);
   } catch (error) {
     next(error);
   }
   \`\`\`
2. **Tests** — a new file \`router.test.ts\` with 4 cases; all pass in 1.2s.

| Metric | Before | After |
|--------|-------:|------:|
| p50    |  80 ms | 30 ms |
| p95    | 120 ms | 45 ms |

You can verify it with \`npm test -- --grep router\`. Want me to open a pull request?`,
  `The failure is not in our code. Version 3.14.2 of the driver closes idle connections after 30s, and the pool hands out one of them. There are three ways out:

- **Upgrade** to 3.15.0, which checks a connection before it is used (see [the changelog](https://example.com/changelog#3150)).
- **Set** \`idleTimeoutMillis: 20_000\` in \`config/database.yaml\`, so that we close them first.
- **Retry** once on \`ECONNRESET\`. This hides the problem, but it is the smallest change.

I'd take the second one: it is one line, it needs no new version, and it can be undone. Shall I go on?`,
  `Let me trace what happens step by step. The request arrives at the gateway, which adds a trace id and forwards it to the worker over HTTP/2. The worker looks the user up in the cache; when the entry is older than five minutes it asks the database and writes the entry back. That write is where we lose time, since it waits for both replicas although one would do. In the profile it takes 45% of the whole request, about 120 ms of 270 ms, and in the slowest 1% of requests even 2.4 seconds.`,
  `\`\`\`python
import asyncio
from dataclasses import dataclass


@dataclass
class Job:
    name: str
    attempts: int = 0


async def run(queue: asyncio.Queue[Job]) -> None:
    while True:
        job = await queue.get()
        try:
            await handle(job)
        except TimeoutError:
            job.attempts += 1
            if job.attempts < 3:
                await queue.put(job)
        finally:
            queue.task_done()
\`\`\`

This keeps at most three attempts a job. The \`finally\` matters: without it \`queue.join()\` never returns after an error.`,
  `All 128/128 tests pass now. Two notes:

1. I renamed \`get_user_name\` to \`getUserName\`, because the linter asks for camelCase.
2. The build needs Node >= 20, as \`package.json\` says; on CI it was 18.

Commit 4f5e6d7c has it all.`,
  `The test fails with this error:

\`\`\`
TypeError: Cannot read properties of undefined (reading 'id')
    at Router.handle (/app/src/server/router.ts:128:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
\`\`\`

So \`user\` is undefined there. I'll add a check, and/or make the type say that it may be missing.`,
  "Let me run the whole suite once more to be sure, then I'll commit.",
];
