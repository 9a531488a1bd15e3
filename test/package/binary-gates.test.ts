/** scripts/check-binaries.mjs: every gate finds the faults that it exists for. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { folderWith, mustRun, root, run } from './commands.js'

const entry =
  'extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* e) { return e; }\n'
const good = [
  '-shared',
  '-fPIC',
  '-fvisibility=hidden',
  '-s',
  '-static-libstdc++',
  '-static-libgcc',
  '-Wl,-z,relro,-z,now',
]
const without = (...options: string[]) => good.filter((option) => !options.includes(option))

interface Planted {
  readonly title: string
  readonly source?: string
  readonly options?: readonly string[]
  /** The name of another library that the addon is linked with. */
  readonly needs?: string
  readonly extension?: string
  /** The pattern of the gate's message. */
  readonly says: RegExp
}

const exporting = (name: string) => `extern "C" __attribute__((visibility("default"))) int ${name}() { return 1; }\n`

const planted: readonly Planted[] = [
  { title: 'a driver', needs: 'libcuda.so.1', says: /needs: it needs libcuda\.so\.1/ },
  { title: 'the CUDA runtime', needs: 'libcudart.so.13', says: /needs: it needs libcudart/ },
  { title: 'a BLAS', needs: 'libopenblas.so.0', says: /needs: it needs libopenblas/ },
  {
    title: 'a shared libstdc++',
    options: [...without('-static-libstdc++', '-static-libgcc'), '-Wl,--no-as-needed'],
    says: /needs: it needs libstdc\+\+\.so\.6/,
  },
  { title: 'a folder of the build machine', options: [...good, '-Wl,-rpath,/opt/lib'], says: /paths: .*\/opt\/lib/ },
  { title: 'a newer glibc', needs: 'libm.so.6', says: /glibc: it needs other of glibc 2\.99, newer than 2\.28/ },
  { title: 'an executable stack', options: [...good, '-Wl,-z,execstack'], says: /stack: .*RWE/ },
  { title: 'lazy binding', options: [...without('-Wl,-z,relro,-z,now'), '-Wl,-z,relro,-z,lazy'], says: /relro: / },
  { title: 'no RELRO', options: [...without('-Wl,-z,relro,-z,now'), '-Wl,-z,norelro,-z,now'], says: /relro: / },
  { title: 'a symbol of its own', source: entry + exporting('helper'), says: /exports: it exports helper/ },
  { title: 'no entry', source: exporting('helper'), says: /exports: it does not export napi_register_module_v1/ },
  {
    title: '3 MB',
    source: `${entry}asm(".section .rodata\\n.fill 3000000, 1, 1\\n.text");`,
    says: /size: it has 3\d{6} bytes, and may have 3000000/,
  },
  {
    title: '20 MB of CUDA library',
    source: `${exporting('neurode_cuda_plugin')}asm(".section .rodata\\n.fill 20000000, 1, 1\\n.text");`,
    extension: '.so',
    says: /size: it has 2\d{7} bytes, and may have 20000000/,
  },
  { title: 'debug information', options: [...without('-s'), '-g'], says: /stripped: it is not stripped: .*debug/ },
]

describe('the gates of binaries', function () {
  this.slow(5_000)

  /** Builds an addon of one function with the planted fault, and checks it. */
  function check({ source = entry, options = good, needs, extension = '.node' }: Omit<Planted, 'title' | 'says'>) {
    using folder = folderWith({
      'addon.cc': needs ? `extern "C" int other();\nint used = other();\n${source}` : source,
      'other.cc': exporting('other'),
      'other.map': 'GLIBC_2.99 { global: other; local: *; };',
    })
    const { path } = folder
    const cxx = (...args: string[]) => mustRun('g++', args, { cwd: path })
    if (needs) {
      const version = needs === 'libm.so.6' ? ['-Wl,--version-script=other.map'] : []
      cxx('-shared', '-fPIC', '-nostdlib', `-Wl,-soname,${needs}`, ...version, 'other.cc', '-o', 'libother.so')
    }
    const file = join(path, `addon${extension}`)
    cxx(...options, 'addon.cc', ...(needs ? ['-L.', '-lother'] : []), '-o', file)
    const env = { ...process.env, NEURODE_CUDA_ARCHS: undefined }
    return run(process.execPath, [join(root, 'scripts', 'check-binaries.mjs'), file], { env })
  }

  before(function () {
    if (process.platform !== 'linux') this.skip()
  })

  it('let an addon pass that has nothing planted in it', () => {
    const { code, output } = check({})
    assert.equal(code, 0, output)
  })

  for (const { title, says, ...what } of planted) {
    it(`hold back ${title}`, () => {
      const { code, output } = check(what)
      assert.match(output, says)
      assert.equal(code, 1)
    })
  }
})
