/** `neurode trials space.json --count 100`: draws the trials of a search, for `neurode train --trials`. */

import { search } from '../search/search.js'
import { describeOptions, integerOption, type Options, parse, pathPattern, UsageError } from './options.js'
import { fromUser, writeJson } from './output.js'
import { readSpace } from './space.js'

const usage = 'neurode trials <space.json> --count N [options]'

const options: Options = {
  count: { value: 'N', help: 'number of trials, a line each' },
  seed: { value: 'N', help: 'tells searches apart (0); the same seed, the same trials' },
}

/** Runs the command and returns the exit code. */
export async function trials(args: readonly string[]): Promise<number> {
  const parsed = parse(args, options)
  if (parsed.values.help) {
    process.stdout.write(describeOptions(usage, options))
    return 0
  }
  const [path, ...more] = parsed.positionals
  if (path === undefined || more.length > 0 || !pathPattern.test(path)) {
    throw new UsageError(`expected '${usage}', got '${['trials', ...parsed.positionals].join(' ')}'`)
  }
  const count = integerOption(parsed, 'count', 1)
  if (count === undefined) throw new UsageError('--count: expected the number of trials')
  const seed = integerOption(parsed, 'seed', 0) ?? 0
  const space = await readSpace(fromUser(path))
  for (let index = 0; index < count; index++) writeJson(search.sample(space, index, seed))
  return 0
}
