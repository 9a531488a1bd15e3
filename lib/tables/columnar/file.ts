/** What is read of files that hold columns, whatever their format. */

import type { ColumnType } from '../column.js'

/** A file of columns, whose rows are in groups. */
export interface ColumnarFile {
  readonly format: 'parquet' | 'arrow'
  /** The columns; those without a type hold lists, records or bytes. */
  readonly fields: readonly { readonly name: string; readonly type: ColumnType | undefined }[]
  /** How many rows each group has. */
  readonly groups: readonly number[]
  /** The values of a column in a group. */
  read(name: string, group: number): Promise<readonly unknown[]>
  close(): Promise<void>
}
