import { describe, expect, it } from 'vitest'
import { chooseServerPackages } from '../../../scripts/setup/packages.mjs'

const supported = { min: 15, max: 18 }
const offers =
  (...names: string[]) =>
  (name: string) =>
    names.includes(name)

describe('the packages of a server', () => {
  it('are those of the newest version there is, with pgvector where it is packaged', () => {
    const situation = { installed: [], supported, areListsFresh: true }
    const isAvailable = offers(
      'postgresql-server-dev-15',
      'postgresql-server-dev-17',
      'postgresql-17-pgvector',
    )
    expect(chooseServerPackages({ ...situation, isAvailable })).toEqual([
      'postgresql-17',
      'postgresql-server-dev-17',
      'postgresql-17-pgvector',
    ])
    expect(chooseServerPackages({ ...situation, isAvailable: offers('postgresql-server-dev-15') })).toEqual([
      'postgresql-15',
      'postgresql-server-dev-15',
    ])
  })

  it('are those of the version that is installed and lacks its headers', () => {
    const isAvailable = offers('postgresql-server-dev-15', 'postgresql-server-dev-17')
    expect(chooseServerPackages({ installed: [15], supported, isAvailable, areListsFresh: true })[0]).toBe(
      'postgresql-15',
    )
  })

  it("have the distribution's own names where its lists are empty and only root could fill them", () => {
    const situation = { installed: [], supported, isAvailable: offers() }
    expect(chooseServerPackages({ ...situation, areListsFresh: false })).toEqual([
      'postgresql',
      'postgresql-server-dev-all',
    ])
    expect(() => chooseServerPackages({ ...situation, areListsFresh: true })).toThrow(
      'This distribution has no PostgreSQL 15 to 18. Use a Docker engine',
    )
  })
})
