"""No page reaches an address that its probe must not reach, whatever way it takes (R13, T4). The judges are listeners
on such addresses: a connection or a datagram that arrives is a failure, whatever anything says."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from model.addresses import AddressPolicy, networks_of
from model.outcome import RunStatus
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Site
from tests.security.tally import Tally

ATTACK = "leading Tracer to an inner address"
SITE_ONLY = AddressPolicy(networks_of(("127.0.0.1/32",)))
"""The site of a test stands on 127.0.0.1; every other loopback address is an inner one that nobody may reach."""


class Canaries:
    """TCP and UDP listeners on addresses that are not allowed."""

    def __init__(self, stack: ExitStack) -> None:
        self._sockets: list[socket.socket] = []
        v4 = stack.enter_context(socket.create_server(("127.0.0.2", 0), backlog=100))
        self.port = v4.getsockname()[1]
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.2", self.port))
        v6 = stack.enter_context(socket.create_server(("::1", self.port), family=socket.AF_INET6, backlog=100))
        udp6 = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        udp6.bind(("::1", self.port))
        self._sockets = [v4, udp, v6, udp6]
        self.host = f"127.0.0.2:{self.port}"

    def heard(self) -> int:
        """How many of them something has reached."""
        return len(select.select(self._sockets, [], [], 0)[0])


@pytest.fixture
def canaries() -> Iterator[Canaries]:
    with ExitStack() as stack:
        yield Canaries(stack)


def test_a_goto_to_an_inner_address_is_refused_as_one(walker: Walker, canaries: Canaries) -> None:
    for host in (canaries.host, f"[::1]:{canaries.port}", f"0x7f.2:{canaries.port}",
                 f"2130706434:{canaries.port}", f"[::ffff:127.0.0.2]:{canaries.port}", "169.254.169.254"):  # fmt: skip
        outcome = walker.walk({"type": "goto", "url": f"http://{host}/"}, policy=SITE_ONLY)
        assert outcome.error is not None, host
        assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "blocked_address"), host
    assert canaries.heard() == 0


def test_a_redirect_to_an_inner_address_is_refused(walker: Walker, site: Site, canaries: Canaries) -> None:
    site.on("/", lambda _: Answer(status=302, headers=(("Location", f"http://{canaries.host}/"),)))
    for step in ({"type": "goto", "url": f"{site.url}/"}, {"type": "request", "url": f"{site.url}/"}):
        outcome = walker.walk(step, policy=SITE_ONLY)
        assert outcome.error is not None
        assert outcome.error.code == "blocked_address"
        assert "127.0.0.2" in outcome.error.message
    assert canaries.heard() == 0


def test_a_click_to_an_inner_address_fails_at_what_was_to_come(walker: Walker, site: Site, canaries: Canaries) -> None:
    url = site.page("/", f"<a href=http://{canaries.host}/>in</a>")
    outcome = walker.walk(
        {"type": "goto", "url": url},
        {"type": "click", "selector": "a"},
        {"type": "expect_visible", "selector": "h1", "timeout": 3},
        policy=SITE_ONLY,
    )
    assert outcome.error is not None
    assert outcome.error.code == "step_failed"
    assert "127.0.0.2 is not a public address" in outcome.error.message
    assert canaries.heard() == 0


WAYS = """
fetch('http://HOST/1').catch(String)
fetch('http://HOST/2', {mode: 'no-cors', method: 'POST', body: 'x', keepalive: true}).catch(String)
fetch('https://HOST/3').catch(String)
fetch('http://[::1]:PORT/4').catch(String)
fetch('http://localhost:PORT/5').catch(String)
fetch('http://foo.localhost:PORT/6').catch(String)
fetch('http://0x7f000002:PORT/7').catch(String)
fetch('http://2130706434:PORT/8').catch(String)
fetch('http://127.2:PORT/9').catch(String)
fetch('http://[::ffff:7f00:2]:PORT/10').catch(String)
fetch('http://[64:ff9b::7f00:2]:PORT/11').catch(String)
fetch('SITE/to-inner').catch(String)
fetch('SITE/to-inner', {mode: 'no-cors'}).catch(String)
fetch('http://HOST/12', {priority: 'high', targetAddressSpace: 'loopback'}).catch(String)
let x = new XMLHttpRequest(); x.open('GET', 'http://HOST/13'); x.send()
let x = new XMLHttpRequest(); x.open('GET', 'http://HOST/14', false); try { x.send() } catch {}
navigator.sendBeacon('http://HOST/15', 'x')
new WebSocket('ws://HOST/16')
new WebSocket('wss://HOST/17')
new WebSocket('ws://[::1]:PORT/18')
new WebSocket('ws://localhost:PORT/19')
new EventSource('http://HOST/20')
new Image().src = 'http://HOST/21'
new Audio('http://HOST/22').play().catch(String)
add('<iframe src=http://HOST/23></iframe>')
add('<iframe src=http://localhost:PORT/24></iframe>')
add('<iframe srcdoc="<img src=http://HOST/25>"></iframe>')
add('<iframe src="data:text/html,<img src=http://HOST/26>"></iframe>')
add('<iframe src=SITE/to-inner></iframe>')
add('<object data=http://HOST/27></object>')
add('<embed src=http://HOST/28>')
add('<video src=http://HOST/29 poster=http://HOST/30></video>')
add('<link rel=stylesheet href=http://HOST/31>')
add('<link rel=prefetch href=http://HOST/32>')
add('<link rel=preload as=script href=http://HOST/33>')
add('<link rel=preconnect href=http://HOST/>')
add('<link rel=dns-prefetch href=http://HOST/>')
add('<link rel=modulepreload href=http://HOST/34>')
add('<link rel=icon href=http://HOST/35>')
add('<link rel=manifest href=http://HOST/36>')
add('<link rel=prerender href=http://HOST/37>')
add('<style>@import "http://HOST/38";</style>')
add('<style>@font-face { font-family: f; src: url(http://HOST/39) } p { font-family: f }</style><p>x')
add('<div style="background: url(http://HOST/40)">x</div>')
add('<input type=image src=http://HOST/41>')
add('<svg><image href=http://HOST/42 /><use href="http://HOST/43#x" /></svg>')
add('<img srcset="http://HOST/44 1x, http://HOST/45 2x">')
add('<a id=ping href=#x ping=http://HOST/46>x</a>'); document.getElementById('ping').click()
add('<iframe name=t></iframe><form target=t method=post action=http://HOST/47></form>'); document.forms[0].submit()
script('import("http://HOST/48").catch(String)')
let s = document.createElement('script'); s.src = 'http://HOST/49'; document.head.append(s)
script('{"prefetch": [{"urls": ["http://HOST/50"]}]}', 'speculationrules')
script('{"prerender": [{"urls": ["http://HOST/51"]}]}', 'speculationrules')
new Worker(URL.createObjectURL(new Blob(['fetch("http://HOST/52").catch(String); new WebSocket("ws://HOST/53")'])))
new Worker(URL.createObjectURL(new Blob(['importScripts("http://HOST/54")'])))
new SharedWorker(URL.createObjectURL(new Blob(['fetch("http://HOST/55").catch(String)'])))
navigator.serviceWorker?.register('/worker.js').catch(String)
open('http://HOST/56')
open('http://localhost:PORT/57', '_blank', 'noopener')
open('SITE/to-inner')
rtc('stun:HOST')
rtc('turn:HOST?transport=tcp')
rtc('turn:HOST?transport=udp')
rtc('stun:[::1]:PORT')
try { new WebTransport('https://HOST/58').ready.catch(String) } catch {}
fetch('http://HOST/59', {method: 'OPTIONS', headers: {'X-A': 'b'}}).catch(String)
navigator.sendBeacon('SITE/to-inner', 'x')
""".strip().splitlines()
PAGE = """<div id=room></div><script>
const add = html => document.getElementById('room').insertAdjacentHTML('beforeend', html);
const script = (text, type) => { const s = document.createElement('script'); if (type) s.type = type;
  s.textContent = text; document.head.append(s); };
const rtc = url => { const p = new RTCPeerConnection({iceServers: [{urls: url, username: 'u', credential: 'c'}]});
  p.createDataChannel('x'); p.createOffer().then(o => p.setLocalDescription(o)); };
WAYS
document.title = 'done ' + done;
</script>"""


def page_of(ways: list[str], site: Site, canaries: Canaries) -> str:
    tried = "\n".join(f"try {{ {way}\n done++ }} catch (error) {{ console.log(String(error)) }}" for way in ways)
    html = PAGE.replace("WAYS", f"let done = 0;\n{tried}")
    return html.replace("HOST", canaries.host).replace("PORT", str(canaries.port)).replace("SITE", site.url)


def test_there_are_sixty_ways_and_more() -> None:
    assert len(set(WAYS)) >= 60


def test_no_way_of_a_page_leads_to_an_inner_address(
    walker: Walker, site: Site, canaries: Canaries, tally: Tally
) -> None:
    site.on("/to-inner", lambda _: Answer(status=307, headers=(("Location", f"http://{canaries.host}/0"),)))
    worker = f"fetch('http://{canaries.host}/worker').catch(String)"
    site.on("/worker.js", lambda _: Answer(worker, content_type="text/javascript"))
    url = site.page("/", page_of(WAYS, site, canaries))
    outcome = walker.walk(
        {"type": "goto", "url": url, "timeout": 60},
        {"type": "wait_for", "ms": 4_000},
        policy=SITE_ONLY,
        timeout=80,
    )
    assert site.asked, "the page was opened"
    assert "/to-inner" in site.paths(), "its ways were tried"
    assert outcome.steps[0].status == "success"
    tally.add(ATTACK, "journey's page", tried=len(WAYS), refused=len(WAYS), effective=canaries.heard())
    assert canaries.heard() == 0


def test_pages_that_go_elsewhere_by_themselves_do_not_arrive(
    walker: Walker, site: Site, canaries: Canaries, tally: Tally
) -> None:
    inner = f"http://{canaries.host}/"
    pages = (
        f"<meta http-equiv=refresh content='0; url={inner}'>",
        f"<script>location = '{inner}'</script>",
        f"<script>location.replace('{inner}')</script>",
        f"<form method=post action={inner}></form><script>document.forms[0].submit()</script>",
        f"<base href={inner}><img src=x><a href=y>y</a><script>document.querySelector('a').click()</script>",
        f"<script>location = 'view-source:{inner}'</script>",
        "<script>location = 'file:///etc/passwd'</script><h1>stays</h1>",
    )
    for html in pages:
        url = site.page("/", html)
        walker.walk({"type": "goto", "url": url}, {"type": "wait_for", "ms": 300}, policy=SITE_ONLY)
    tally.add(ATTACK, "journey's page", tried=len(pages), refused=len(pages), effective=canaries.heard())
    assert canaries.heard() == 0


def test_the_listeners_do_hear_what_is_allowed(walker: Walker, site: Site, canaries: Canaries, tally: Tally) -> None:
    """Else the silence above would say nothing."""
    url = site.page("/", f"<img src=http://{canaries.host}/x>")
    everything = AddressPolicy(networks_of(("127.0.0.0/8",)))
    walker.walk({"type": "goto", "url": url, "timeout": 2}, policy=everything)
    assert canaries.heard() > 0
    tally.caught(ATTACK, "journey that may reach loopback")
