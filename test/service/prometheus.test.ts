import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { renderDashboard } from '../../docs/render-dashboard.ts';
import { METRICS } from '../../src/service/metrics-table.ts';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { HOWEVER_LATE, promtool } from './metrics-text.ts';

/** What Prometheus makes of what is shipped for it. */

const ALERTS = join(import.meta.dirname, '../../docs/alerts.yaml');

test('promtool loads the alert rules', async (t) => {
  assert.equal(await promtool(t, ['check', 'rules', '--lint-fatal', ALERTS]), '');
});

test('promtool loads every expression of the dashboard', async (t) => {
  const path = join(tempDirectory(t), 'rules.json');
  const { panels } = JSON.parse(renderDashboard());
  const rules = panels.flatMap(({ id, targets }: { id: number; targets: { expr: string }[] }) =>
    targets.map(({ expr }, at) => ({
      record: `panel:${id}:${at}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    })),
  );
  assert.ok(rules.length >= panels.length);
  // YAML has all of JSON.
  writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  assert.equal(await promtool(t, ['check', 'rules', path]), '');
});

test('the rules and the dashboard name only metrics that there are', () => {
  const known = new Set(
    Object.entries(METRICS).flatMap(([name, { type }]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  for (const text of [readFileSync(ALERTS, 'utf8'), renderDashboard()]) {
    const named = new Set(text.match(/datapathd_[a-z0-9_]+/g));
    assert.ok(named.size > 5);
    assert.deepEqual(
      [...named].filter((name) => !known.has(name)),
      [],
    );
  }
});

test('the alerts fire when they should', async (t) => {
  const path = join(tempDirectory(t), 'tests.json');
  const firing = (alert: string, series: string, values: string, labels: object, at: string): object => ({
    interval: '30s',
    input_series: [{ series, values }],
    alert_rule_test: [
      { eval_time: at, alertname: alert, exp_alerts: [{ exp_labels: labels }] },
      { eval_time: '0m', alertname: alert, exp_alerts: [] },
    ],
  });
  const quiet = (alertname: string, series: string, values: string): object => ({
    interval: '30s',
    input_series: [{ series, values }],
    alert_rule_test: [{ eval_time: '40m', alertname, exp_alerts: [] }],
  });
  const warning = { severity: 'warning', instance: 'host' };
  const tests = [
    firing('DatapathdUnhealthy', 'datapathd_healthy{instance="host"}', '0x20', warning, '3m'),
    firing(
      'DatapathdAcceptsNothing',
      'datapathd_journal_in_trouble{instance="host",journal="switch"}',
      '1x20',
      { severity: 'critical', instance: 'host', journal: 'switch' },
      '2m',
    ),
    firing(
      'DatapathdPluginFails',
      'datapathd_plugin_calls_total{instance="host",kind="volume",plugin="p",method="SR.ls",outcome="timed-out"}',
      '0 1x20',
      { ...warning, kind: 'volume', plugin: 'p', method: 'SR.ls' },
      '3m',
    ),
    // The daemon has no counter of what has not happened yet.
    firing(
      'DatapathdPluginFails',
      'datapathd_plugin_calls_total{instance="host",kind="volume",plugin="p",method="SR.ls",outcome="failed"}',
      '_x3 1x20',
      { ...warning, kind: 'volume', plugin: 'p', method: 'SR.ls' },
      '3m',
    ),
    firing(
      'DatapathdRefuses',
      'datapathd_switch_refusals_total{instance="host",limit="switch.maxQueues"}',
      '_x3 1x20',
      { ...warning, limit: 'switch.maxQueues' },
      '3m',
    ),
    {
      interval: '30s',
      input_series: [
        { series: 'datapathd_healthy{instance="host"}', values: '1x4 stale' },
        { series: 'datapathd_healthy{instance="other"}', values: '1x60' },
      ],
      alert_rule_test: [
        { eval_time: '2m', alertname: 'DatapathdGone', exp_alerts: [] },
        {
          eval_time: '10m',
          alertname: 'DatapathdGone',
          exp_alerts: [{ exp_labels: { severity: 'critical', instance: 'host' } }],
        },
      ],
    },
    {
      interval: '30s',
      input_series: [],
      alert_rule_test: [
        {
          eval_time: '10m',
          alertname: 'DatapathdGone',
          exp_alerts: [{ exp_labels: { severity: 'critical' } }],
        },
      ],
    },
    firing(
      'DatapathdTextfileOld',
      'node_textfile_mtime_seconds{instance="host",file="/var/lib/node_exporter/datapathd.prom"}',
      '0x40',
      { severity: 'critical', instance: 'host', file: '/var/lib/node_exporter/datapathd.prom' },
      '8m',
    ),
    quiet('DatapathdPluginFails', 'datapathd_plugin_calls_total{instance="host",outcome="failed"}', '1x90'),
    quiet('DatapathdRefuses', 'datapathd_switch_refusals_total{instance="host"}', '1x90'),
  ];
  const withoutWords = readFileSync(ALERTS, 'utf8').replace(/^ {8}annotations:\n(?: {10}.*\n)+/gm, '');
  const rules = join(tempDirectory(t), 'alerts.yaml');
  writeFileSync(rules, withoutWords);
  writeFileSync(path, JSON.stringify({ rule_files: [rules], tests }));
  assert.equal(await promtool(t, ['test', 'rules', path]), '');
});

test('a Prometheus scrapes the daemon', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: ['--storage.enabled=false', '--metrics.listen=127.0.0.1:0', ...HOWEVER_LATE],
  });
  const { address } = await daemon.logged(({ msg }) => msg === 'metrics are answered over TCP');
  const directory = tempDirectory(t);
  const config = join(directory, 'prometheus.yml');
  const scraping = [
    {
      job_name: 'datapathd',
      scrape_interval: '2s',
      scrape_timeout: '2s',
      static_configs: [{ targets: [address] }],
    },
  ];
  writeFileSync(config, JSON.stringify({ scrape_configs: scraping, rule_files: [ALERTS] }));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      // Its pages are installed beside it, and are not there.
      `--web.console.templates=${directory}`,
      `--web.console.libraries=${directory}`,
    ],
    { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.after(() => child.kill('SIGKILL'));
  let server = '';
  for await (const line of createInterface({ input: child.stderr })) {
    server = /msg="Listening on" address=(\S+)/.exec(line)?.[1] ?? server;
    if (line.includes('Server is ready to receive web requests')) break;
  }
  child.stderr.resume();
  let value: string | undefined;
  while (value === undefined) {
    const response = await fetch(`http://${server}/api/v1/query?query=datapathd_healthy`);
    const { data } = JSON.parse(await response.text());
    value = data.result[0]?.value[1];
  }
  assert.equal(value, '1');
});
