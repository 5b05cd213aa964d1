import RFB from './novnc/core/rfb.js'

const byId = (id) => document.getElementById(id)
const status = byId('status')

function say(text, bad = false) {
  status.textContent = text
  status.classList.toggle('bad', bad)
}

/** The token stands in `path`, as Nova's proxy has it, or by itself. */
function tokenOf(query) {
  const path = query.get('path') ?? ''
  return query.get('token') ?? new URLSearchParams(path.slice(path.indexOf('?') + 1)).get('token')
}

const token = tokenOf(new URLSearchParams(location.search))
if (token) connect(token)
else say('This address has no token. Ask for a new one: openstack console url show --novnc SERVER', true)

function connect(token) {
  const url = new URL(`websockify?token=${encodeURIComponent(token)}`, location.href)
  url.protocol = url.protocol.replace('http', 'ws')
  const rfb = new RFB(byId('screen'), url.href)
  rfb.scaleViewport = true
  rfb.addEventListener('connect', () => {
    say('Connected')
    byId('ctrl-alt-del').disabled = false
    rfb.focus()
  })
  rfb.addEventListener('disconnect', ({ detail }) => {
    byId('ctrl-alt-del').disabled = true
    // A token opens a console once, so there is nothing to try again with.
    if (detail.clean) say('The console has ended. For a new one: openstack console url show --novnc SERVER')
    else say('No console: the token was used before or has expired, or the server cannot be reached.', true)
  })
  rfb.addEventListener('desktopname', ({ detail }) => (document.title = detail.name))
  byId('ctrl-alt-del').addEventListener('click', () => rfb.sendCtrlAltDel())
  byId('full-screen').addEventListener('click', () => byId('screen').requestFullscreen())
}
