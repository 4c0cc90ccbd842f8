// From the camera to the server: one frame on its way at a time, and the newest one next.

const SIDE = 640; // pixels of the longer side that is sent
const QUALITY = 0.85;

const refusals = {
  NotAllowedError: "The browser keeps the camera from this page. Allow it beside the address, then try again.",
  NotFoundError: "There is no camera here. Connect one, then try again.",
  NotReadableError: "The camera cannot be used; maybe another program uses it.",
};

/** A camera whose picture is shown in `video`. `onAnswer` gets each answer with its `time`, `onEnd` why it ended. */
export class Camera {
  constructor(video, server, { onAnswer, onEnd }) {
    Object.assign(this, { video, server, onAnswer, onEnd });
    this.canvas = document.createElement("canvas");
    this.media = this.socket = null;
  }

  get on() {
    return this.media !== null;
  }

  /** Throws an error that says in words why there is no picture. */
  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers give the camera only to pages that come by https or from this very machine.");
    }
    try {
      this.media = await navigator.mediaDevices.getUserMedia({
        audio: false, video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" },
      });
    } catch (error) {
      throw new Error(refusals[error.name] ?? `The camera could not be switched on: ${error.message}`);
    }
    this.media.getVideoTracks()[0].onended = () => this.#end("The camera was unplugged or taken away.");
    this.video.srcObject = this.media;
    await this.video.play();
    this.begin = performance.now();
    this.#connect();
  }

  stop() {
    this.socket?.close();
    this.media?.getTracks().forEach(track => track.stop());
    this.video.srcObject = this.media = this.socket = null;
  }

  #end(why) {
    if (!this.on) return;
    this.stop();
    this.onEnd(why);
  }

  #connect() {
    const socket = this.socket = this.server.stream({
      onOpen: () => this.#send(socket),
      onAnswer: answer => {
        if (socket !== this.socket) return;
        this.onAnswer(answer.error ? answer : { ...answer, source: "camera", time: answer.time ?? this.taken });
        // Only a picture that the camera has given since is worth sending.
        this.video.requestVideoFrameCallback(() => this.#send(socket));
      },
      onToken: () => socket === this.socket && this.#connect(),
      onEnd: why => socket === this.socket && this.#end(why),
    });
  }

  async #send(socket) {
    const { videoWidth: width, videoHeight: height } = this.video, scale = Math.min(1, SIDE / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    this.taken = Math.round(performance.now() - this.begin) / 1000;
    const picture = await new Promise(done => this.canvas.toBlob(done, "image/jpeg", QUALITY));
    if (socket.readyState === WebSocket.OPEN) socket.send(picture);
  }
}
