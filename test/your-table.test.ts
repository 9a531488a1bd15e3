/** docs/your-table.md: its commands run, one after the other, and what they print is what the page says. */

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from './support/children.js'
import { suiteFolder } from './support/folders.js'
import { blocksOf } from './support/markdown.js'
import { freePort } from './support/serving.js'

const page = readFileSync('docs/your-table.md', 'utf8')
const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))

describe('docs/your-table.md', function () {
  this.slow(30_000)
  const folder = suiteFolder()

  it('has commands that train on a table, serve it, and get a label for a record', async function () {
    if (process.platform === 'win32') this.skip()
    mkdirSync(join(folder.path, 'node_modules'))
    symlinkSync(resolve('.'), join(folder.path, 'node_modules', 'neurode'))
    mkdirSync(join(folder.path, 'bin'))
    const npx = join(folder.path, 'bin', 'npx')
    writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${main}' "$@"\n`)
    chmodSync(npx, 0o755)
    const port = await freePort()
    const commands = blocksOf(page).filter(({ language }) => language === 'sh')
    assert.ok(commands.length >= 4)
    const script = commands
      .map(({ code }) => code)
      .join('\n')
      .replaceAll(/\b8000\b/g, String(port))
      .replace(/^npx neurode serve .*(?= &$)/m, `$& --port ${port}`)
    const lines = `set -eu\ncd '${folder.path}'\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${script}`
    const env = {
      PATH: `${join(folder.path, 'bin')}:${process.env.PATH}`,
      INIT_CWD: folder.path,
      NEURODE_THREADS: '1',
      NEURODE_DEVICE: 'cpu',
    }
    const { code, stdout, stderr } = await runCommand('bash', ['-c', lines], env)
    assert.equal(code, 0, `${stdout}${stderr}`)
    const [, label] =
      /\{"predictions":\[\{"label":"(.*?)","probabilities":\{"later":[\d.]+,"within a month":/.exec(stdout) ?? []
    assert.equal(label, 'within a month', stdout)
    const [, price] = /\{"predictions":\[\{"price":([\d.]+)\}\]\}/.exec(stdout) ?? []
    assert.ok(Number(price) > 5000 && Number(price) < 60_000, stdout)
    assert.match(
      readFileSync(join(folder.path, 'answers.csv'), 'utf8'),
      /^id,make,.*,predicted_sold,probability_later,/,
    )
    assert.match(readFileSync(join(folder.path, 'price.html'), 'utf8'), /Importance of columns/)
    // Figures differ between instruction sets; the words around them do not.
    const [shown] = blocksOf(page).filter(({ language }) => language === '')
    for (const line of (shown?.code ?? '').split('\n').filter((each) => each.trim() !== '' && !each.includes('…'))) {
      const words = line.trim().split(/\d/)[0]?.trim() ?? ''
      assert.ok(stdout.includes(words), `${words}\n${stdout}`)
    }
  })
})
