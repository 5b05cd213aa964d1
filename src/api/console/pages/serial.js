import { Terminal } from './xterm/xterm.mjs'

const status = document.getElementById('status')

function say(text, bad = false) {
  status.textContent = text
  status.classList.toggle('bad', bad)
}

const token = new URLSearchParams(location.search).get('token')
if (token) connect(token)
else say('This address has no token. Ask for a new one: openstack console url show --serial SERVER', true)

function connect(token) {
  const url = new URL(`websockify?token=${encodeURIComponent(token)}`, location.href)
  url.protocol = url.protocol.replace('http', 'ws')
  const terminal = new Terminal({ cursorBlink: true, scrollback: 5000 })
  terminal.open(document.getElementById('screen'))
  const socket = new WebSocket(url.href)
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () => {
    say('Connected')
    terminal.focus()
  })
  socket.addEventListener('message', ({ data }) => terminal.write(new Uint8Array(data)))
  socket.addEventListener('close', ({ wasClean, reason }) =>
    say(reason || 'No console: the token was used before or has expired.', !wasClean),
  )
  const encoder = new TextEncoder()
  terminal.onData((text) => socket.readyState === WebSocket.OPEN && socket.send(encoder.encode(text)))
}
