/** Runs a suite once per device; one that is not there shows as pending, with the reason. */

import { devices } from 'neurode'

/** Every device that the suites know. */
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

/** A device on which sizes should be small: the emulator takes milliseconds for a step. */
export function isEmulated(device: string): boolean {
  const info = devices().find(({ name }) => name === device)
  return info?.description?.startsWith('Emulated') ?? false
}

/** The instruction sets of this CPU that the addon has kernels for. */
export function instructionSets(): readonly string[] {
  return devices().find(({ name }) => name === 'cpu')?.isas ?? []
}
