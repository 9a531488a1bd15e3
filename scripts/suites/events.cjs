// A reporter of mocha that appends what happens to a file, one JSON value a line. scripts/run-suites.mjs reads it.

const { appendFileSync } = require('node:fs')
const { reporters, Runner } = require('mocha')

const events = Runner.constants

class Events extends reporters.Base {
  constructor(runner, options) {
    super(runner, options)
    const { output } = options.reporterOptions
    const write = (name, more) => appendFileSync(output, `${JSON.stringify({ name, ...more })}\n`)
    const follow = (name, fieldsOf) =>
      runner.on(name, (runnable, error) => {
        if (runnable.root) return
        write(name, { title: runnable.title, path: runnable.titlePath(), ...fieldsOf?.(runnable, error) })
      })
    follow(events.EVENT_SUITE_BEGIN)
    follow(events.EVENT_SUITE_END)
    follow(events.EVENT_HOOK_BEGIN)
    follow(events.EVENT_TEST_BEGIN)
    follow(events.EVENT_TEST_PENDING)
    follow(events.EVENT_TEST_PASS, (test) => ({ duration: test.duration, slow: test.slow() }))
    follow(events.EVENT_TEST_FAIL, (_, error) => ({ error: plain(error) }))
    runner.once(events.EVENT_RUN_END, () => write(events.EVENT_RUN_END, { failures: runner.failures }))
  }
}

/** What reporters use of an error. The base class has written the values of a difference as texts. */
function plain(error) {
  const { stack, uncaught, cause, actual, expected } = error
  return {
    message: typeof error.inspect === 'function' ? `${error.inspect()}` : error.message,
    stack,
    uncaught,
    cause: cause instanceof Error ? plain(cause) : undefined,
    ...(reporters.Base.showDiff(error) ? { actual, expected } : { showDiff: false }),
  }
}

module.exports = Events
