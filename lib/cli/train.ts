/** `neurode train`: trains a network on MNIST, or a model of a table. */

import type { Job } from './job.js'
import { describeOptions, parse, UsageError } from './options.js'
import { joinLaunched } from './together.js'
import { withTrial } from './trial.js'

const jobs = {
  table: async (): Promise<Job> => (await import('./tables/train.js')).trainTable,
  mnist: async (): Promise<Job> => (await import('./trainMnist.js')).trainMnist,
}

/** Runs the command and returns the exit code: 0, 75 where it goes on when it is started again, or 130 after Ctrl-C. */
export async function train(args: readonly string[]): Promise<number> {
  const [table, mnist] = [await jobs.table(), await jobs.mnist()]
  const parsed = parse(args, { ...mnist.options, ...table.options })
  const [what] = parsed.positionals
  const chosen = what === undefined ? [table, mnist] : [what === 'mnist' ? mnist : table]
  if (parsed.values.help) {
    process.stdout.write(chosen.map(({ usage, options }) => describeOptions(usage, options)).join('\n'))
    return 0
  }
  const [job] = chosen
  if (job === undefined || parsed.positionals.length !== 1) {
    const got = ['train', ...parsed.positionals].join(' ')
    throw new UsageError(`expected '${table.usage}' or '${mnist.usage}', got '${got}'`)
  }
  for (const name of Object.keys(parsed.values)) {
    if (name in job.options) continue
    throw new UsageError(`--${name}: no such option of '${job.usage}'`)
  }
  return withTrial(parsed, job.options, async (given) => job.run(await joinLaunched(given)))
}
