import { BarChart, CustomChart, HeatmapChart } from 'echarts/charts'
import { GridComponent, MarkLineComponent, VisualMapComponent } from 'echarts/components'
import { use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

// Only what the charts here are made of; all of ECharts takes three times as long to load.
use([BarChart, CustomChart, HeatmapChart, GridComponent, MarkLineComponent, VisualMapComponent, SVGRenderer])

export { init } from 'echarts/core'
