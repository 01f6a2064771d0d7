/** Two soft tones: an answer has come. */
export function chime(): void {
  const context = new AudioContext();
  const gain = context.createGain();
  gain.connect(context.destination);
  gain.gain.setValueAtTime(0.08, context.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + 0.5);
  [660, 880].forEach((hertz, i) => {
    const tone = context.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(gain);
    tone.start(context.currentTime + i * 0.12);
    tone.stop(context.currentTime + 0.5);
  });
  setTimeout(() => void context.close(), 1000);
}
