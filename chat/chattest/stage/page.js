// Brings the conversation up to date once a second, unless somebody is about to press something in it.
const thread = document.getElementById("thread")
const low = () => thread.scrollTop + thread.clientHeight > thread.scrollHeight - 40
const down = () => { thread.scrollTop = thread.scrollHeight }
let last = ""
async function refresh() {
  if (thread.contains(document.activeElement) || thread.querySelector("details[open]")) return
  const answer = await fetch(thread.dataset.from).catch(() => null)
  if (!answer?.ok) return
  const text = await answer.text()
  if (text === last) return
  const stay = last !== "" && !low()
  last = text
  thread.innerHTML = text
  if (!stay) down()
}
down()
setInterval(refresh, 1000)
