/** Starts the page: live from the program, or from the report in the document. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Details, Report } from '../messages.ts';
import { App } from './app.tsx';
import { type Connection, connect } from './live.ts';
import { fromSnapshot, type Model, withChange } from './model.ts';

async function readDetails(name: string): Promise<Details | undefined> {
  const response = await fetch(`namespace?name=${encodeURIComponent(name)}`);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

function LivePage() {
  const [model, setModel] = useState<Model | undefined>();
  const [connection, setConnection] = useState<Connection>({ state: 'connecting' });
  useEffect(
    () =>
      connect({
        snapshot: (snapshot) => setModel((before) => fromSnapshot(snapshot, before)),
        change: (change) => setModel((before) => before && withChange(before, change)),
        connection: setConnection,
      }),
    [],
  );
  return <App model={model} connection={connection} details={readDetails} />;
}

const report = document.getElementById('report')?.textContent;
const root = document.getElementById('page') as HTMLElement;
if (report) {
  const { snapshot, details }: Report = JSON.parse(report);
  render(<App model={fromSnapshot(snapshot)} connection={undefined} details={async (name) => details[name]} />, root);
} else {
  render(<LivePage />, root);
}
