import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { pipeSafe, Terminal, wantsColor } from '../../src/cli/terminal.ts'
import { terminalForTest } from './terminal-for-test.ts'

describe('terminal', () => {
  test('data goes to stdout and talk to stderr', () => {
    const { terminal, stdout, stderr } = terminalForTest()
    terminal.data('one')
    terminal.note('two')
    terminal.problem('three')
    expect(stdout()).toBe('one\n')
    expect(stderr()).toBe('two\nthree\n')
  })

  test('--quiet silences talk, not data and not problems', () => {
    const { terminal, stdout, stderr } = terminalForTest({ quiet: true })
    terminal.data('one')
    terminal.note('two')
    terminal.problem('three')
    expect(stdout()).toBe('one\n')
    expect(stderr()).toBe('three\n')
  })

  test('off a terminal nothing is written over', () => {
    const { terminal, stderr } = terminalForTest({ interactive: false })
    terminal.status('50 %')
    expect(stderr()).toBe('')
  })

  test('on a terminal a line of talk takes the place of the status line, which comes back below it', () => {
    const { terminal, stderr } = terminalForTest({ interactive: true })
    terminal.status('50 %')
    terminal.note('hello')
    terminal.status('')
    expect(stderr()).toBe('50 %\r\u001b[Khello\n50 %\r\u001b[K')
  })

  test('a reader that went away ends the writing and nothing else', () => {
    const written: string[] = []
    const stream = Object.assign(new EventEmitter(), { write: (text: string) => written.push(text) > 0 })
    const sink = pipeSafe(stream as unknown as NodeJS.WriteStream)
    sink.write('a')
    stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    sink.write('b')
    expect(written).toEqual(['a'])
  })

  test('another error of the stream is not swallowed', () => {
    const stream = Object.assign(new EventEmitter(), { write: () => true })
    pipeSafe(stream as unknown as NodeJS.WriteStream)
    expect(() => stream.emit('error', Object.assign(new Error('no space'), { code: 'ENOSPC' }))).toThrow('no space')
  })

  test.each([
    [{}, true, false, true],
    [{}, false, false, false],
    [{}, true, true, false],
    [{ NO_COLOR: '1' }, true, false, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false, false],
    [{ FORCE_COLOR: '1' }, false, false, true],
    [{ TERM: 'dumb' }, true, false, false],
  ])('with %j, terminal %s and --no-color %s colours are %s', (env, isTerminal, flag, colours) => {
    expect(wantsColor(env, isTerminal, flag)).toBe(colours)
  })

  test('without colours a styled text is the text', () => {
    const plain = new Terminal({ write: () => {} }, { write: () => {} }, {
      color: false, interactive: false, columns: 80, quiet: false,
    })
    expect(plain.style('red', 'x')).toBe('x')
  })
})
