import { HeatmapChart } from 'echarts/charts'
import { GraphicComponent, GridComponent, VisualMapComponent } from 'echarts/components'
import { use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

// Only what the charts here are made of; all of ECharts takes three times as long to load.
use([HeatmapChart, GraphicComponent, GridComponent, VisualMapComponent, SVGRenderer])

export { init } from 'echarts/core'
