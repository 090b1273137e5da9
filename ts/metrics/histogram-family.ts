import type { Histogram } from '../util/index.js';

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Histograms that the hot path fills, under one name, in the form in which a registry of prom-client asks for metrics. */
export class HistogramFamily {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly aggregator = 'sum';
  readonly #members: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly histogram: Histogram;
  }[];

  constructor(
    name: string,
    help: string,
    members: readonly { readonly labels: Readonly<Record<string, string>>; readonly histogram: Histogram }[],
  ) {
    this.name = name;
    this.help = help;
    this.#members = members;
  }

  async get() {
    const { name, help, type, aggregator } = this;
    return {
      name,
      help,
      type,
      aggregator,
      values: this.#members.flatMap((member) => this.#valuesOf(member)),
    };
  }

  /** Buckets are cumulative in what Prometheus reads. */
  #valuesOf({
    labels,
    histogram,
  }: {
    labels: Readonly<Record<string, string>>;
    histogram: Histogram;
  }): Value[] {
    const { name } = this;
    let below = 0;
    const buckets = [...histogram.counts].map((count, i): Value => {
      below += count;
      const le = i < histogram.bounds.length ? histogram.bounds[i] : '+Inf';
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: histogram.sum },
      { metricName: `${name}_count`, labels, value: histogram.count },
    ];
  }
}
