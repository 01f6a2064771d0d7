import { useComputedColorScheme } from '@mantine/core';
import { BarChart } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import { type EChartsType, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import classes from './reports.module.css';

use([BarChart, GridComponent, TooltipComponent, SVGRenderer]);

export interface Bar {
  label: string;
  value: number;
}

/** Bars for people who see; everybody else has the table, which says the same. */
export default function Chart(props: { title: string; bars: Bar[]; show: (value: number) => string }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType>(undefined);
  const scheme = useComputedColorScheme();
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const made = init(element, null, { renderer: 'svg' });
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);
  const { bars, show } = props;
  useEffect(() => {
    const text = scheme === 'dark' ? '#b9c2cd' : '#5d6a79';
    const line = scheme === 'dark' ? '#343f4c' : '#dfe4ea';
    chart.current?.setOption(
      {
        animation: false,
        grid: { left: 8, right: 8, top: 12, bottom: 4, outerBoundsMode: 'same' },
        tooltip: { trigger: 'axis', confine: true, valueFormatter: (v: unknown) => show(Number(v)) },
        xAxis: {
          type: 'category',
          data: bars.map((b) => b.label),
          axisLabel: { color: text, hideOverlap: true },
          axisLine: { lineStyle: { color: line } },
          axisTick: { show: false },
        },
        yAxis: {
          type: 'value',
          axisLabel: { color: text, formatter: show, hideOverlap: true },
          splitLine: { lineStyle: { color: line } },
          splitNumber: 3,
        },
        series: [
          {
            type: 'bar',
            data: bars.map((b) => b.value),
            barMaxWidth: 36,
            itemStyle: { color: scheme === 'dark' ? '#2f96a3' : '#0f6e7a', borderRadius: [3, 3, 0, 0] },
          },
        ],
      },
      true,
    );
  }, [bars, show, scheme]);
  return <div ref={place} className={classes.chart} role="img" aria-label={props.title} />;
}
