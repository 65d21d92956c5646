import { DatabaseError } from 'pg'
import { describe, expect, test } from 'vitest'
import { explainError } from '#src/cli/terminal/explain-error.js'
import { SimdgresError } from '#src/errors.js'

function refused(code: string, message: string, hint?: string): Error {
  const error = new DatabaseError(message, message.length, 'error')
  return Object.assign(error, { code, severity: 'ERROR', ...(hint !== undefined && { hint }) })
}

describe('what no part has explained', () => {
  test.each([
    ['54000', 'memory required is 4 MB, maintenance_work_mem is 1 MB'],
    ['22023', 'dimensions for type vector cannot exceed 16000'],
    ['42704', 'access method "hnsw" does not exist'],
    ['42883', 'operator does not exist: public.vector = public.vector'],
    ['57P05', 'terminating connection due to idle-session timeout'],
  ])('a refusal of the server (%s) is no defect', (code, message) => {
    const explained = explainError(refused(code, message))
    expect(explained).toBeInstanceOf(SimdgresError)
    expect(explained).toMatchObject({ code: 'ERR_UNAVAILABLE' })
    expect(explained!.message).toBe(
      `The PostgreSQL server refused a statement: ${message} (SQLSTATE ${code})`,
    )
  })

  test("the server's own hint comes first", () => {
    const { hint } = explainError(refused('54000', 'x', 'Raise maintenance_work_mem'))!
    expect(hint).toMatch(/^Raise maintenance_work_mem\. /)
  })

  test('a refusal of the engine is no defect', () => {
    const error = Object.assign(new Error('(HTTP code 500) server error - no space left on device'), {
      statusCode: 500,
    })
    expect(explainError(error)).toMatchObject({ code: 'ERR_RESOURCE' })
  })

  test.each([
    ['a syntax error of a statement of ours', refused('42601', 'syntax error at or near "FORM"')],
    ['a bad request to the engine', Object.assign(new Error('bad parameter'), { statusCode: 400 })],
    ['a mistake in the program', new TypeError("Cannot read properties of undefined (reading 'x')")],
    ['what is no error', 'text'],
  ])('%s is a defect', (_what, error) => {
    expect(explainError(error)).toBeUndefined()
  })
})
