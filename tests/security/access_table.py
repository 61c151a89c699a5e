"""Who may use which route, written down by hand: the matrix holds the product to it, and a route without a row fails.

read, run, write, admin: whoever has that scope, by a key or by a role; others are refused with 403, strangers with 401
people: whoever signed in as a person, about themselves; keys are refused with 403
page …: the same on a page, which shows who is not signed in the way to /login
open: anybody, signed in or not
server: none of all these, but who holds TRACER_INTERNAL_TOKEN; nothing shown is 401, anything else 403
proof: open to ask, but it takes a secret of its own (a link's, a password) to get anything
"""

from __future__ import annotations

TABLE = """
GET     /docs                                           open
GET     /.well-known/security.txt                       open
GET     /health                                         open
GET     /openapi.json                                   open
GET     /static/<path:filename>                         open
GET     /login                                          open
POST    /login                                          proof
POST    /logout                                         open
GET     /metrics                                        proof
GET     /ack/<link>                                     proof
POST    /ack/<link>                                     proof
GET     /artifacts/<link>                               proof
GET     /invite/<token>                                 proof
POST    /invite/<token>                                 proof
GET     /status/<slug>                                  open
GET     /status/<slug>.json                             open
GET     /status/<slug>.atom                             open
GET     /status/<slug>/<part>                           open
GET     /status/<slug>/subscribe                        open
POST    /status/<slug>/subscribe                        open
GET     /status/<slug>/confirm/<token>                  proof
POST    /status/<slug>/confirm/<token>                  proof
GET     /status/<slug>/unsubscribe/<token>              proof
POST    /status/<slug>/unsubscribe/<token>              proof
GET     /badge/<check_id>/<name>                        open
GET     /setup/<token>                                  proof
POST    /setup/<token>                                  proof

GET     /                                               page read
GET     /account                                        page read
POST    /account/name                                   page read
POST    /account/organization                           page read
POST    /account/password                               page read
POST    /account/sessions/<session_id>/end              page read
GET     /alerts                                         page read
GET     /alerts/<alert_id>                              page read
GET     /alerts/channels                                page read
POST    /alerts/channels                                page write
GET     /alerts/channels/new                            page write
GET     /alerts/channels/<channel_id>                   page write
POST    /alerts/channels/<channel_id>                   page write
POST    /alerts/channels/<channel_id>/delete            page write
POST    /alerts/channels/<channel_id>/test              page write
POST    /alerts/notifications/<notification_id>/resend  page write
GET     /alerts/event-rules                             page read
POST    /alerts/event-rules                             page write
GET     /alerts/event-rules/new                         page write
GET     /alerts/event-rules/<event_rule_id>             page read
POST    /alerts/event-rules/<event_rule_id>             page write
POST    /alerts/event-rules/<event_rule_id>/delete      page write
GET     /alerts/rules                                   page read
POST    /alerts/rules                                   page write
GET     /alerts/rules/new                               page write
POST    /alerts/rules/try                               page run
GET     /alerts/rules/<rule_id>                         page read
POST    /alerts/rules/<rule_id>                         page write
POST    /alerts/rules/<rule_id>/delete                  page write
GET     /alerts/silences                                page read
POST    /alerts/silences                                page write
POST    /alerts/silences/<silence_id>/end               page write
GET     /alerts/why                                     page read
POST    /alerts/<alert_id>/acknowledge                  page write
POST    /alerts/<alert_id>/resolve                      page write
GET     /monitors                                       page read
GET     /monitors/<monitor_id>                          page read
GET     /monitors/new                                   page write
POST    /monitors/new                                   page write
GET     /monitors/<monitor_id>/edit                     page write
POST    /monitors/<monitor_id>/edit                     page write
POST    /monitors/<check_id>/clone                      page write
POST    /monitors/<check_id>/delete                     page write
POST    /monitors/<check_id>/mute                       page write
POST    /monitors/<check_id>/pause                      page write
POST    /monitors/<check_id>/resume                     page write
POST    /monitors/<check_id>/run                        page run
GET     /journeys                                       page read
GET     /journeys/new                                   page write
POST    /journeys/new                                   page write
GET     /journeys/<journey_id>                          page read
GET     /journeys/<journey_id>/edit                     page write
POST    /journeys/<journey_id>/edit                     page write
POST    /journeys/<check_id>/clone                      page write
POST    /journeys/<check_id>/delete                     page write
POST    /journeys/<check_id>/mute                       page write
POST    /journeys/<check_id>/pause                      page write
POST    /journeys/<check_id>/resume                     page write
POST    /journeys/<check_id>/run                        page run
GET     /issues                                         page read
GET     /issues/<issue_id>                              page read
POST    /issues/<issue_id>/status                       page write
POST    /issues/<issue_id>/merge                        page write
GET     /traces/<path:trace_id>                         page read
GET     /query                                          page read
GET     /releases                                       page read
GET     /releases/<project_id>                          page read
GET     /generations                                    page read
GET     /incidents                                      page read
GET     /incidents/<incident_id>                        page read
POST    /incidents/<incident_id>                        page write
POST    /incidents/<incident_id>/fix                    page write
POST    /incidents/<incident_id>/regression             page write
GET     /agents                                         page read
GET     /agents/<path:agent_session_id>                 page read
POST    /agents/<path:agent_session_id>/analyze         page run
GET     /projects                                       page read
POST    /projects                                       page write
GET     /projects/<project_id>                          page read
POST    /projects/<project_id>                          page write
POST    /projects/<project_id>/delete                   page write
POST    /projects/<project_id>/keys                     page write
POST    /projects/<project_id>/keys/<public_key>/revoke  page write
GET     /probes                                         page read
POST    /probes                                         page admin
POST    /probes/<probe_id>/delete                       page admin
GET     /runs/<run_id>                                  page read
GET     /runs/<run_id>/trace                            page read
GET     /settings                                       page read
GET     /settings/audit                                 page admin
GET     /settings/organization                          page admin
POST    /settings/organization                          page admin
GET     /settings/secrets                               page read
POST    /settings/secrets                               page write
POST    /settings/secrets/<variable>/change             page write
POST    /settings/secrets/<variable>/delete             page write
GET     /settings/usage                                 page read
GET     /settings/keys                                  page admin
POST    /settings/keys                                  page admin
POST    /settings/keys/<key_id>/revoke                  page admin
GET     /settings/status-pages                          page write
GET     /settings/status-pages/new                      page write
POST    /settings/status-pages/new                      page write
GET     /settings/status-pages/<page_id>                page write
POST    /settings/status-pages/<page_id>                page write
POST    /settings/status-pages/<page_id>/delete         page write
GET     /settings/status-pages/<page_id>/updates        page write
POST    /settings/status-pages/<page_id>/updates        page write
POST    /settings/status-pages/<page_id>/updates/<update_id> page write
POST    /settings/status-pages/<page_id>/updates/<update_id>/delete page write
GET     /settings/maintenance                           page read
POST    /settings/maintenance                           page write
GET     /settings/maintenance/new                       page write
GET     /settings/maintenance/<window_id>               page read
POST    /settings/maintenance/<window_id>               page write
POST    /settings/maintenance/<window_id>/delete        page write
POST    /settings/maintenance/<window_id>/end           page write
GET     /settings/people                                page admin
POST    /settings/people/invite                         page admin
POST    /settings/people/<member_id>/link               page admin
POST    /settings/people/<member_id>/remove             page admin
POST    /settings/people/<member_id>/role               page admin

POST    /v1/sessions                                    proof
GET     /v1/invitations/<token>                         proof
POST    /v1/invitations/<token>/accept                  proof

GET     /v1/account                                     read
PUT     /v1/account                                     people
PUT     /v1/account/password                            people
GET     /v1/account/sessions                            read
DELETE  /v1/account/sessions/<session_id>               read
GET     /v1/organizations                               read
POST    /v1/organizations/<organization_id>/switch      people

GET     /v1/monitors                                    read
POST    /v1/monitors                                    write
POST    /v1/monitors/try                                write
GET     /v1/monitors/try/<draft_id>                       write
GET     /v1/monitors/<monitor_id>                       read
PUT     /v1/monitors/<monitor_id>                       write
DELETE  /v1/monitors/<monitor_id>                       write
POST    /v1/monitors/<monitor_id>/run                   run
GET     /v1/monitors/<monitor_id>/runs                  read
GET     /v1/monitors/<monitor_id>/why                   read
GET     /v1/journeys                                    read
POST    /v1/journeys                                    write
GET     /v1/journeys/<journey_id>                       read
PUT     /v1/journeys/<journey_id>                       write
DELETE  /v1/journeys/<journey_id>                       write
POST    /v1/journeys/try                                write
GET     /v1/journeys/try/<journey_draft_id>               write
POST    /v1/journeys/<journey_id>/run                   run
GET     /v1/journeys/<journey_id>/runs                  read
GET     /v1/journeys/<journey_id>/why                   read
POST    /v1/journeys/run-tag/<path:tag>                 run
GET     /v1/batches/<batch_id>                          read
GET     /v1/runs/<run_id>                               read
GET     /v1/stream                                      read
GET     /api/stream                                     read
GET     /v1/runs/<run_id>/artifacts                     read
GET     /v1/runs/<run_id>/decisions                     read
GET     /v1/runs/<run_id>/steps                         read
GET     /v1/variables                                   read
POST    /v1/variables                                   write
GET     /v1/variables/<variable>                        read
PUT     /v1/variables/<variable>                        write
DELETE  /v1/variables/<variable>                        write

GET     /v1/alert-rules                                 read
POST    /v1/alert-rules                                 write
POST    /v1/alert-rules/backtest                        run
GET     /v1/alert-rules/<rule_id>                       read
PUT     /v1/alert-rules/<rule_id>                       write
DELETE  /v1/alert-rules/<rule_id>                       write
GET     /v1/alert-channels                              read
POST    /v1/alert-channels                              write
GET     /v1/alert-channels/<channel_id>                 read
PUT     /v1/alert-channels/<channel_id>                 write
DELETE  /v1/alert-channels/<channel_id>                 write
POST    /v1/alert-channels/<channel_id>/test            write
POST    /v1/webhooks/<channel_id>/test                  write
GET     /v1/alerts                                      read
GET     /v1/alerts/<alert_id>                           read
POST    /v1/alerts/<alert_id>/acknowledge               write
POST    /v1/alerts/<alert_id>/resolve                   write
GET     /v1/notifications                               read
POST    /v1/notifications/<notification_id>/resend      write
GET     /v1/notices                                     read
GET     /v1/maintenance-windows                         read
POST    /v1/maintenance-windows                         write
GET     /v1/maintenance-windows/<window_id>             read
PUT     /v1/maintenance-windows/<window_id>             write
DELETE  /v1/maintenance-windows/<window_id>             write
POST    /v1/maintenance-windows/<window_id>/end         write
GET     /v1/silences                                    read
POST    /v1/silences                                    write
GET     /v1/silences/<silence_id>                       read
DELETE  /v1/silences/<silence_id>                       write

GET     /v1/status-pages                                read
POST    /v1/status-pages                                write
GET     /v1/status-pages/<page_id>                      read
PUT     /v1/status-pages/<page_id>                      write
DELETE  /v1/status-pages/<page_id>                      write
GET     /v1/status-pages/<page_id>/updates              read
POST    /v1/status-pages/<page_id>/updates              write
GET     /v1/status-pages/<page_id>/updates/<update_id>  read
PUT     /v1/status-pages/<page_id>/updates/<update_id>  write
DELETE  /v1/status-pages/<page_id>/updates/<update_id>  write

POST    /api/traces                                     ingest
GET     /api/sessions                                   read
GET     /api/traces/<agent_session_id>/events           read
POST    /api/traces/<agent_session_id>/events           ingest
POST    /api/traces/<agent_session_id>/artifacts        ingest
GET     /api/traces/<agent_session_id>/analysis         read
PUT     /api/traces/<agent_session_id>/analysis         server
POST    /api/traces/<agent_session_id>/analyze          run
GET     /api/incidents                                  read
GET     /api/incidents/<incident_id>                    read
PATCH   /api/incidents/<incident_id>                    write
POST    /api/incidents/<incident_id>/fix-agent          write
GET     /api/incidents/<incident_id>/fixes/<fix_id>     read
POST    /api/incidents/<incident_id>/regression-runs    write
GET     /api/incidents/<incident_id>/regression-runs/<regression_run_id> read

POST    /v1/events                                      proof
POST    /v1/traces                                      proof
POST    /v1/otlp/traces                                 proof
POST    /v1/otlp/v1/traces                              proof
POST    /v1/ingest                                      proof
POST    /v1/sourcemaps                                  ingest
GET     /v1/sourcemaps                                  read
POST    /v1/releases                                    ingest
GET     /v1/releases                                    read
GET     /v1/releases/impact                             read
GET     /v1/query                                       read
GET     /v1/traces/<path:trace_id>                      read
GET     /v1/issues                                      read
GET     /v1/issues/<issue_id>                           read
PUT     /v1/issues/<issue_id>                           write
GET     /v1/alerts/rules                                read
POST    /v1/alerts/rules                                write
GET     /v1/alerts/rules/<event_rule_id>                read
PUT     /v1/alerts/rules/<event_rule_id>                write
DELETE  /v1/alerts/rules/<event_rule_id>                write
GET     /v1/alerts/firings                              read
GET     /v1/generations                                 read
GET     /v1/generations/summary                         read
GET     /v1/projects                                    read
POST    /v1/projects                                    write
GET     /v1/projects/<project_id>                       read
PUT     /v1/projects/<project_id>                       write
DELETE  /v1/projects/<project_id>                       write
POST    /v1/projects/<project_id>/keys                  write
DELETE  /v1/projects/<project_id>/keys/<public_key>     write

GET     /v1/locations                                   read
GET     /v1/probes                                      read
POST    /v1/probes                                      admin
GET     /v1/probes/<probe_id>                           read
DELETE  /v1/probes/<probe_id>                           admin
GET     /v1/organization                                read
PUT     /v1/organization                                admin
POST    /v1/organization/invite                         admin
GET     /v1/organization/members                        admin
GET     /v1/organization/members/<member_id>            admin
PUT     /v1/organization/members/<member_id>            admin
DELETE  /v1/organization/members/<member_id>            admin
GET     /v1/api-keys                                    admin
POST    /v1/api-keys                                    admin
GET     /v1/api-keys/<key_id>                           admin
DELETE  /v1/api-keys/<key_id>                           admin
GET     /v1/audit-log                                   admin
GET     /v1/usage                                       read
GET     /v1/plans                                       read
GET     /v1/billing/plans                               read
GET     /v1/billing/usage                               read
"""
ACCESS: dict[tuple[str, str], str] = {
    (words[0], words[1]): " ".join(words[2:]) for words in map(str.split, TABLE.splitlines()) if words
}
PROBES = ("/v1/probe/lease", "/v1/probe/results", "/v1/probe/progress", "/v1/probe/artifacts/" + "0" * 64)
"""Not Flask's: a probe key opens them, and nothing else does."""
