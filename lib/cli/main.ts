#!/usr/bin/env node
/** The command `neurode`: runs the subcommand, and turns errors into a one-line message and an exit code. */

import { NeurodeError } from '../base/errors.js'
import { packageVersion } from '../base/version.js'
import { UsageError } from './options.js'

interface Command {
  readonly summary: string
  /** Runs the command and returns the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>
}

const commands: Readonly<Record<string, Command>> = {
  train: {
    summary: 'train a model of a table, or a network on MNIST',
    run: async (args) => (await import('./train.js')).train(args),
  },
  trials: {
    summary: 'draw the hyper-parameters of a search, for train --trials',
    run: async (args) => (await import('./trials.js')).trials(args),
  },
  predict: {
    summary: 'answer the rows of a table',
    run: async (args) => (await import('./tables/predict.js')).predict(args),
  },
  evaluate: {
    summary: 'compare the answers of a model with a table',
    run: async (args) => (await import('./tables/evaluate.js')).evaluate(args),
  },
  serve: {
    summary: 'serve models over HTTP',
    run: async (args) => (await import('./serve.js')).serve(args),
  },
  inspect: {
    summary: 'show what a file of a model or of weights holds',
    run: async (args) => (await import('./inspect.js')).inspect(args),
  },
  convert: {
    summary: 'write a model in the format of another library',
    run: async (args) => (await import('./convert.js')).convert(args),
  },
  doctor: {
    summary: 'show what Neurode finds on this machine, and the reason for what is missing',
    run: async (args) => (await import('./doctor.js')).doctor(args),
  },
  build: {
    summary: 'build the native addon from source, for machines without a prebuilt one',
    run: async (args) => (await import('./build.js')).build(args),
  },
}

const usage = `Usage: neurode <command> [options]

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

Options:
  --help     show this, or the options of a command
  --version  show the version
`

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage)
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${packageVersion()}\n`)
    return 0
  }
  if (!Object.hasOwn(commands, name)) {
    throw new UsageError(`no command is called '${name}'; commands: ${Object.keys(commands).join(', ')}`)
  }
  return (commands[name] as Command).run(args)
}

/** A message, which may quote a file, without characters that steer a terminal. */
function withoutControls(text: string): string {
  return text.replace(/(?![\t\n])\p{Cc}/gu, '\ufffd')
}

function report(error: unknown): number {
  if (error instanceof UsageError || error instanceof NeurodeError) {
    process.stderr.write(`neurode: ${withoutControls(error.message)}\n`)
    if (error instanceof UsageError) return 2
    return error.code === 'ERR_ABORTED' ? 130 : 1
  }
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  return 1
}

// The command ends when the reader of a pipe, such as `head`, closes it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`neurode: the output cannot be written (${error.message})\n`, () => process.exit(1))
})
process.exitCode = await main(process.argv.slice(2)).catch(report)
