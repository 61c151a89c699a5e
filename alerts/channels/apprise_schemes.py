"""Which services apprise may reach for us: those that it reaches over HTTPS, without a file, a bus or a device of this
machine. What is not listed is refused: a plugin that a newer apprise brings is off until somebody has looked at it.

Off on purpose: dbus, qt, kde, glib, gio, gnome, macosx, windows, blink1 (this machine's own desktop and devices),
syslog and rsyslog, fcm and vapid (they read key files), nostr, aprs, amqp, mqtt, smpp, xmpp, irc, growl (no HTTP),
mailto (use a channel of type email), json, xml, form, apprise (use one of type webhook).
"""

from __future__ import annotations

_VENDOR_HOSTS = """
    46elks elks acs atalk awswhatsapp azure o365 bale brevo bsky bluesky bulksms bulkvs burstsms
    kudosity chanify clickatell clicksend cliq zcliq zohocliq cm d7sms dapnet dingtalk discord dot eight00com exotel
    feishu firehydrant flock freemobile gchat github groundmail groupme guilded gupshup httpsms ifttt ilert incidentio
    instagram jira join kakaotalk kakao kaleyra klr kavenegar kook kumulos lark lauther lfg line mailersend
    mobilemessage mobilemsg msg91 msgbird notifiarr notifyapp notifyre octopush onesignal opsgenie pagerduty pagertree
    pbul pingram plivo postmark pover prowl psafer psafers push pushed pushme pushplus wecom pushward pushy qq reddit
    resend revolt ringc ryver schan sendgrid serwersms ses seven sfr signalgrid signl4 simplepush spush sinch slack
    smsc smsmgr smsmanager smstunnel sns spike splunk victorops spugpush squadcast stackfield strmlabs telesign telnyx
    tgram threema twilio twist twitter tweet x viber voipms vonage nexmo wecombot whapi whatsapp wpush wxpusher wxteams
    webex youlmk zalo zoom zulip
"""
"""The address of the service is the plugin's own."""

_GIVEN_HOSTS = """
    bark barks betterstack emby embys enigma2 enigma2s evolution evolutions flowtriq flowtriqs fluxer fluxers goalert
    goalerts gorush gorushs gotify gotifys hassio hassios humhub humhubs infobip jellyfin jellyfins kodi kodis xbmc
    xbmcs lametric lametrics mailgun mastodon mastodons toot toots matrix matrixs misskey misskeys mmost mmosts ncloud
    nclouds nctalk nctalks notica noticas notifico notificos ntfy ntfys onebot onebots opsimate opsimates parsep
    parseps pinglet pinglets pjet pjets pushdeer pushdeers rocket rockets sendpulse session sessions sogs signal
    signals smseagle smseagles smtp2go sparkpost synology synologys trigv trigvs wechat workflow workflows xmatters
"""
"""The URL may name a host. Like all connections, those to it are judged in the child process."""

ALLOWED = frozenset(_VENDOR_HOSTS.split() + _GIVEN_HOSTS.split())
