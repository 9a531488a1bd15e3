/** Makes projects of users with the package installed, for the tests of bundlers and of the documentation. */

import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folderWith, mustRun, root } from './commands.js'

const bundlers = ['webpack@5.113.0', 'webpack-cli@6.0.1']
const drawing = ['@observablehq/plot', 'linkedom', '@resvg/resvg-js']

/** The folder of the unpacked package. */
export const packageFolder = join(root, 'build', 'package')

/** Makes a folder with these files, with the package in its node_modules, and with links to `packages`, which are folders by name. */
export function projectWith(files: Readonly<Record<string, string>>, packages: Readonly<Record<string, string>>) {
  const project = folderWith(files)
  const modules = join(project.path, 'node_modules')
  cpSync(packageFolder, join(modules, 'neurode'), { recursive: true })
  for (const [name, folder] of Object.entries(packages)) link(folder, join(modules, name))
  return project
}

/** The packages for drawing, as this repository has them, for links. */
export const drawingPackages = Object.fromEntries(drawing.map((name) => [name, join(root, 'node_modules', name)]))

/** A folder of packages with bundlers, which are fetched on first use; esbuild is this repository's. */
export function bundlerPackages(): string {
  const folder = join(root, 'build', 'programs', bundlers.join('+'))
  const modules = join(folder, 'node_modules')
  if (!existsSync(join(modules, '.package-lock.json'))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    mustRun('npm', [...options, ...bundlers], { cwd: folder })
  }
  return modules
}

export function link(folder: string, place: string): void {
  mkdirSync(dirname(place), { recursive: true })
  symlinkSync(folder, place, 'junction')
}
