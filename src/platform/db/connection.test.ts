import { describe, expect, test } from 'bun:test'
import { ConnectionStringError, parseConnection } from './connection.ts'

describe('a [database] connection', () => {
  test('is read as oslo.db writes it', () => {
    expect(parseConnection('postgresql://nova:p%40ss@db.example:5433/nova_api')).toMatchObject({
      host: 'db.example',
      port: 5433,
      user: 'nova',
      password: 'p@ss',
      database: 'nova_api',
      ssl: 'prefer',
    })
    for (const driver of ['psycopg2', 'psycopg', 'asyncpg', 'pg8000']) {
      expect(parseConnection(`postgresql+${driver}://nova@db/nova`)).toMatchObject({ host: 'db', database: 'nova' })
    }
    expect(parseConnection('postgresql://nova@[::1]/nova?client_encoding=utf8')).toMatchObject({ host: '::1' })
  })

  test('names a unix socket by its directory', () => {
    const socket = { host: '/run/postgresql', port: 5432, user: 'nova', database: 'nova', ssl: false }
    expect(parseConnection('postgresql://nova@/nova?host=/run/postgresql')).toMatchObject(socket)
    expect(parseConnection('postgresql://nova@%2Frun%2Fpostgresql/nova')).toMatchObject(socket)
    expect(parseConnection('postgresql:///nova?host=%2Frun%2Fpostgresql&port=5434')).toMatchObject({ port: 5434 })
  })

  test('without a host means this machine', () => {
    expect(parseConnection('postgresql:///nova')).toMatchObject({ host: 'localhost', database: 'nova' })
  })

  test('takes libpq’s sslmode', () => {
    const ssl = (mode: string) => parseConnection(`postgresql://db/nova?sslmode=${mode}`).ssl
    expect(ssl('disable')).toBe(false)
    expect(ssl('require')).toEqual({ rejectUnauthorized: false })
    expect(ssl('verify-full')).toEqual({ rejectUnauthorized: true })
    expect(ssl('verify-ca')).toMatchObject({ rejectUnauthorized: true, checkServerIdentity: expect.any(Function) })
    expect(() => ssl('sometimes')).toThrow('sslmode "sometimes"')
  })

  test.each([
    ['mysql+pymysql://nova:secret@db/nova', 'PostgreSQL 15 or later'],
    ['sqlite:////var/lib/nova/nova.sqlite', 'PostgreSQL 15 or later'],
    ['/var/lib/nova', 'it has no scheme'],
    ['', 'it has no scheme'],
    ['postgresql://nova:secret@db', 'names no database'],
    ['postgresql://nova:secret@db:port/nova', 'not a valid URL'],
    ['postgresql://nova:secret@db/nova?port=0', 'not between 1 and 65535'],
    ['postgresql://nova:secret@db/nova?charset=utf8', 'unknown parameter "charset"'],
    ['postgresql://nova:secret@db/nova?sslmode=verify-ca&sslrootcert=/none', 'cannot read sslrootcert'],
  ])('%p is refused, and its password is not repeated', (text, reason) => {
    expect(() => parseConnection(text)).toThrow(ConnectionStringError)
    expect(() => parseConnection(text)).toThrow(reason)
    expect(() => parseConnection(text)).not.toThrow('secret')
  })
})
