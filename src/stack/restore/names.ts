/** UTC to the millisecond, for names of databases and volumes that sort by time: 20261124_031502_123. */
export function timeStamp(date = new Date()): string {
  return date
    .toISOString()
    .replace(/\D/g, '')
    .replace(/^(\d{8})(\d{6})(\d{3})$/, '$1_$2_$3')
}
