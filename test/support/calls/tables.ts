/** Calls of tables. */

import { openTable, readTable, table, writeTable } from 'neurode'
import { call, type Loose, type PublicCall } from './call.js'

const columns = () => ({ a: [1, 2, 3, null, 5, 6], kind: ['x', 'y', 'x', 'y', 'x', 'y'] })

const csv = () => new TextEncoder().encode('a;kind\n1,5;x\n;y\n')
const reading = () => ({
  delimiter: ';',
  decimal: ',',
  thousands: '.',
  header: true,
  types: { a: 'number' },
  columns: ['a', 'kind'],
  gaps: ['NA'],
  dates: 'dmy',
  booleans: [['ja', 'nein']],
  encoding: 'utf-8',
})

const method = (name: string, args: () => unknown[]): PublicCall =>
  call(`table.${name}`, args, (...given) => (table(columns()) as Loose)[name](...given))

export const tableCalls: readonly PublicCall[] = [
  call(
    'table',
    () => [[{ a: 1, kind: 'x' }, { a: null }], { types: { a: 'number', kind: 'text' } }],
    (...args) => (table as Loose)(...args),
  ),
  call(
    'table of columns',
    () => [columns(), { types: { kind: 'text' } }],
    (...args) => (table as Loose)(...args),
  ),
  call(
    'readTable',
    () => [csv(), reading()],
    (...args) => (readTable as Loose)(...args),
  ),
  call(
    'openTable',
    () => [csv(), { ...reading(), rowsAtATime: 1 }],
    async (...args) => {
      for await (const piece of await (openTable as Loose)(...args)) piece.row(0)
    },
  ),
  call(
    'writeTable',
    () => ['a.csv', table(columns()), { delimiter: ';', decimal: ',' }],
    (...args) => (writeTable as Loose)(...args),
  ),
  method('column', () => ['a']),
  method('row', () => [0]),
  method('take', () => [[0, 2]]),
  method('select', () => [['kind', 'a']]),
  method('without', () => ['a']),
  method('split', () => [{ test: 0.34, stratify: 'kind', seed: 1, shuffle: true }]),
]
