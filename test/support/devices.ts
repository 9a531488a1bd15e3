/** Runs a suite once for each device. If a device is missing, its tests are pending, with the reason. */

import { devices } from 'neurode'

/** All devices on which suites run. */
const known = ['cpu', 'cuda:0']

export function perDevice(title: string, body: (device: string) => void): void {
  for (const device of known) {
    const found = devices().find(({ name }) => name === device)
    if (found?.available) {
      describe(`${title} on ${device}`, () => body(device))
    } else {
      describe(`${title} on ${device}`, () => {
        it(`needs a device that is not here: ${found?.reason ?? 'none found'}`)
      })
    }
  }
}

/** Whether a device is emulated. The emulator takes milliseconds for a step, so sizes should be small on it. */
export function isEmulated(device: string): boolean {
  const info = devices().find(({ name }) => name === device)
  return info?.description?.startsWith('Emulated') ?? false
}

/** The instruction sets that this CPU has and the addon has kernels for. */
export function instructionSets(): readonly string[] {
  return devices().find(({ name }) => name === 'cpu')?.isas ?? []
}
