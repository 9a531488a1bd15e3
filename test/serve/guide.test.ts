/** docs/serving.md: its commands and its program run, and Kubernetes and `neurode serve` accept its manifests. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { input, layers, model } from 'neurode'
import { serve } from 'neurode/serve'
import { parseAllDocuments } from 'yaml'
import { runNode } from '../support/children.js'
import { suiteFolder } from '../support/folders.js'
import { ask, constantModel, freePort, startServer } from '../support/serving.js'

const text = readFileSync('docs/serving.md', 'utf8')
const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
const blocks = (language: string) => {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code)
}
/** These commands need a registry, a container engine or a cluster. */
const elsewhere = /^(npm install|docker|kubectl) /
/** Without local files, MNIST would be downloaded. */
const dataset = process.env.NEURODE_DATA ? '' : '--dataset synthetic'

describe('docs/serving.md', function () {
  this.slow(60_000)
  const folder = suiteFolder()

  it('has commands that run, one after the other', async () => {
    const commands = blocks('sh').filter((code) => !elsewhere.test(code))
    assert.ok(commands.length >= 8, `${commands.length} blocks`)
    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    writeFileSync(
      join(bin, 'neurode'),
      `#!/bin/sh\ncase "$1 $2" in 'train mnist') set -- "$@" ${dataset};; esac\nexec '${process.execPath}' '${main}' "$@"\n`,
    )
    chmodSync(join(bin, 'neurode'), 0o755)
    const tables = join(resolve('build'), 'guide-table.mjs')
    const [training = assert.fail()] = blocks('ts').filter((block) => block.includes('tabular('))
    writeFileSync(tables, training.replace("'cars.neurode'", JSON.stringify(join(folder.path, 'cars.neurode'))))
    const made = await runNode([tables])
    assert.equal(made.code, 0, made.stderr)
    const port = await freePort()
    const script = `set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${commands.join('\n')}`
    const { code, output } = await runShell(script.replaceAll(/\b8000\b/g, String(port)), folder.path, bin)
    assert.equal(code, 0, output)
    assert.match(output, /"model_name":"mnist"/)
    assert.match(output, /"predictions":\[\[/)
    assert.match(output, /320\n/)
    assert.match(output, /"predictions":\[\{"label":"(yes|no)","probabilities":\{"no":/)
    assert.match(output, /"outputs":\[\{"name":"label","datatype":"BYTES","shape":\[2,1\],"data":\["/)
    assert.match(output, /"versions":\["1","2"\]/)
    assert.match(output, /^neurode_model_reloads_total\{worker="1"\} \d+$/m)
  })

  it('has a program that runs', async () => {
    const program = blocks('ts').find((code) => code.includes('servePlugin')) ?? assert.fail()
    const port = await freePort()
    const path = join(resolve('build'), 'guide-program.mjs')
    using model = constantModel(1)
    const saved = join(folder.path, 'program.neurode')
    await model.save(saved)
    const asked = `console.log((await app.inject('/inference/v2/models/mnist/ready')).body)\nawait app.close()\n`
    const code = program.replace("'mnist.neurode'", JSON.stringify(saved)).replace('3000', String(port))
    writeFileSync(path, `${code}${asked}`)
    const ended = await runNode([fileURLToPath(pathToFileURL(path))])
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(ended.stdout, /"ready":true/)
  })

  it('has requests with several tensors that are answered', async () => {
    const numeric = input({ shape: [3], name: 'numeric' })
    const city = input({ shape: [1], dtype: 'int32', name: 'city' })
    const vector = layers.flatten().apply(layers.embedding({ inputDim: 300, outputDim: 8 }).apply(city))
    const joined = layers.concatenate().apply([numeric, vector])
    const price = layers.dense({ units: 1 }).apply(joined)
    const sold = layers.dense({ units: 1, activation: 'sigmoid' }).apply(joined)
    const houses = model({ inputs: { numeric, city }, outputs: { price, sold } })
    await using server = await serve({ models: { houses }, port: 0, device: 'cpu', threads: 1 })
    const requests = blocks('json')
    assert.equal(requests.length, 4)
    for (const body of requests) {
      const path = Array.isArray(JSON.parse(body).inputs) ? '/v2/models/houses/infer' : '/v1/models/houses:predict'
      const answer = await ask(server.url, path, { body })
      assert.equal(answer.status, 200, answer.body.toString())
    }
  })

  // biome-ignore lint/suspicious/noExplicitAny: manifests are of many kinds
  const manifests = (): any[] =>
    blocks('yaml').flatMap((code) =>
      parseAllDocuments(code, { strict: true, uniqueKeys: true }).map((document) => {
        assert.deepEqual(document.errors, [])
        return document.toJS()
      }),
    )
  const podsOf = () =>
    manifests()
      .map(({ spec }) => spec.template?.spec ?? spec)
      .filter(({ containers }) => containers !== undefined)

  it('has manifests that say what they are', () => {
    const versions: Readonly<Record<string, string>> = {
      Deployment: 'apps/v1',
      Service: 'v1',
      PodDisruptionBudget: 'policy/v1',
      ScaledObject: 'keda.sh/v1alpha1',
      ClusterServingRuntime: 'serving.kserve.io/v1alpha1',
      InferenceService: 'serving.kserve.io/v1beta1',
    }
    const found = manifests()
    assert.deepEqual(found.map(({ kind }) => kind).sort(), Object.keys(versions).sort())
    for (const { apiVersion, kind, metadata } of found) {
      assert.equal(apiVersion, versions[kind])
      assert.match(metadata.name, /^[a-z][a-z0-9-]*$/)
    }
    const [deployment, service] = found
    assert.deepEqual(deployment.spec.selector.matchLabels, deployment.spec.template.metadata.labels)
    assert.deepEqual(service.spec.selector, deployment.spec.selector.matchLabels)
  })

  it('has manifests whose options, probes and metrics the server has', async () => {
    const path = join(folder.path, 'probed.neurode')
    using model = constantModel(1)
    await model.save(path)
    const pods = podsOf()
    assert.equal(pods.length, 2)
    for (const { containers } of pods) {
      const [{ args, ports, ...container }] = containers
      const options = args.slice(1).filter((_: string, i: number) => args[i] !== '--port' && args[i + 1] !== '--port')
      const server = await startServer([args[0].replace(/^(.*=)?\/.*/, `probed=${path}`), ...options])
      try {
        const probes = Object.entries(container).filter(([name]) => name.endsWith('Probe'))
        assert.ok(probes.length >= 2)
        for (const [, probe] of probes) {
          const { httpGet } = probe as { httpGet: { path: string; port: string | number } }
          assert.ok([ports[0].name, ports[0].containerPort].includes(httpGet.port), String(httpGet.port))
          assert.equal((await ask(server.url, httpGet.path)).status, 200)
        }
        const metrics = (await ask(server.url, '/metrics')).body.toString()
        for (const [name] of text.matchAll(/\b(nv|neurode)_[a-z_]+\b/g))
          assert.match(metrics, new RegExp(`^${name}`, 'm'))
        // This test does not wait for the delay before the server closes.
        await server.stop('SIGKILL')
      } finally {
        await server.stop('SIGKILL')
      }
    }
  })
})

function runShell(script: string, cwd: string, bin: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // npm sets INIT_CWD to the folder in which it was called.
    const env = { ...process.env, INIT_CWD: cwd, PATH: `${bin}:${process.env.PATH}` }
    const child = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
