"""The examples of seeds 000 and 001, word for word but for hosts and keys."""

from __future__ import annotations

EVENTS = """
POST https://ingest.coderadar.app/v1/events
Content-Type: application/json
X-CodeRadar-Auth: dsn=PUBLIC_KEY,project=12

{
  "events": [
    {
      "event_id":    "ev_01HZRX4D2KQ7",
      "timestamp":   "2026-04-26T14:22:08.421Z",
      "level":       "error",
      "environment": "production",
      "release":     "[email\xa0protected]",
      "exception":   { "type": "TypeError", "value": "x" },
      "user":        { "id": "u1" },
      "trace_id":    "...",
      "tags":        { "region": "us-east" },
      "breadcrumbs": [ { "message": "opened" } ]
    }
  ]
}
"""
"""Where the seed has `{ ... }` there stands something."""
RELEASE = """
POST https://api.coderadar.app/v1/releases
Authorization: Bearer $CODERADAR_TOKEN
Content-Type: application/json

{
  "project": "truecom",
  "release": "[email\xa0protected]",
  "commit":  "a8c2f11d3...",
  "deployed_at": "2026-04-26T14:00:00Z",
  "url":     "https://github.com/RelayOne/truecom/releases/v0.18.2"
}
"""
QUERY = """
GET https://api.coderadar.app/v1/query
  ?project=truecom
  &q=level:error in:5m
  &limit=100
Authorization: Bearer $CODERADAR_TOKEN
"""
SOURCE_MAP = """
POST https://ingest.coderadar.app/v1/sourcemaps
Content-Type: multipart/form-data
Authorization: Bearer $CODERADAR_TOKEN

project=truecom
release=truecom@0.18.2
url=/static/js/main.abc123.js
sourcemap=@dist/static/js/main.abc123.js.map
"""
CURL = r"""
curl -X POST "https://ingest-production-411d.up.railway.app/v1/ingest" \
  -H "Content-Type: application/json" \
  -H "X-Open-Sentry-Key: YOUR_PUBLIC_KEY" \
  -d '{"type":"error","exception":{"type":"Error","value":"test from curl"}}'
"""
DSN = "https://YOUR_PUBLIC_KEY@ingest-production-411d.up.railway.app/v1/ingest"
ERROR = """
{
  "type": "error",
  "exception": {
    "type": "TypeError",
    "value": "Cannot read property 'x' of undefined",
    "stacktrace": {
      "frames": [
        {
          "filename": "app/page.tsx",
          "function": "loadData",
          "lineno": 42,
          "colno": 12,
          "inApp": true
        }
      ]
    }
  },
  "message": "optional fallback message",
  "breadcrumbs": [
    {
      "category": "navigation",
      "message": "User opened settings",
      "level": "info",
      "timestamp": "2026-05-30T12:00:00.000Z"
    }
  ],
  "tags": { "region": "us-east" },
  "user": { "id": "user_123", "email": "dev@example.com" },
  "environment": "production",
  "release": "web@2.4.1",
  "timestamp": "2026-05-30T12:00:01.000Z"
}
"""
TRANSACTION = """
{
  "type": "transaction",
  "name": "GET /api/checkout",
  "traceId": "trace-abc-123",
  "durationMs": 245,
  "status": "ok",
  "environment": "production",
  "spans": [
    {
      "spanId": "span-1",
      "op": "db.query",
      "description": "SELECT * FROM orders",
      "durationMs": 40,
      "parentSpanId": "root-span-id"
    }
  ],
  "timestamp": "2026-05-30T12:00:02.000Z"
}
"""
GENERATION = """
{
  "type": "ai_generation",
  "provider": "openrouter",
  "model": "anthropic/claude-sonnet-4",
  "inputTokens": 1200,
  "outputTokens": 340,
  "totalCostUsd": 0.00482,
  "latencyMs": 1820,
  "timeToFirstTokenMs": 420,
  "status": "ok",
  "traceId": "trace-abc-123",
  "tags": { "feature": "chat" },
  "environment": "production",
  "timestamp": "2026-05-30T12:00:03.000Z"
}
"""
BATCH = """
[
  { "type": "error", "exception": { "type": "Error", "value": "first" } },
  { "type": "error", "exception": { "type": "Error", "value": "second" } }
]
"""
