// Collects the licences of the bundled packages that others wrote.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Returns a text with the licence of each package to which one of `paths` belongs. Throws if a package has no licence. */
export function licensesOf(paths) {
  const folders = new Set(paths.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path) ?? []))
  const sections = new Set([...folders].map(sectionOf).sort())
  return ['# What others wrote of this package', ...sections].join('\n\n')
}

function sectionOf(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((name) => /^(?:licen[cs]e|copying)(?:[.-]|$)/i.test(name))
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : textOf(manifest)
  return `## ${manifest.name} ${manifest.version} (${manifest.license})\n\n\`\`\`text\n${text.replaceAll('\r', '')}\n\`\`\``
}

/** Licences of packages that name them and do not include their texts: files of `licenses/`. */
const named = { '@bufbuild/protobuf': ['Apache-2.0.txt', 'protobuf-BSD-3-Clause.txt'] }

/** Some packages name their licence and do not include its text. */
function textOf({ name, license, author }) {
  const files = named[name]
  if (files)
    return files.map((file) => readFileSync(join(import.meta.dirname, 'licenses', file), 'utf8').trim()).join('\n\n')
  const holder = author?.name ?? author
  if (license !== 'MIT' || !holder) throw new Error(`${name} has no text of its licence`)
  return `Copyright (c) ${holder}\n\n${mit}`
}

const mit = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files
(the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`
