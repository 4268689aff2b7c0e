package cloze.cuda.graph;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.cuda.driver.Extent;
import cloze.cuda.driver.KernelImages;
import cloze.cuda.driver.Teardown;
import java.util.ArrayList;
import java.util.List;
import jcuda.CudaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one thread asks of a stream again and again, such as a micro-batch of training. The first time it is written down,
 * the second time compared, and if all was the same (kernels, extents, addresses) it becomes graphs, which later times
 * launch instead of the kernels, once all that they hold has been asked for again. Numbers may differ: they are set in the
 * graph. Where anything else differs, what was held back is launched plainly, and writing begins anew: a graph never runs
 * what was not asked for. Locked by whoever asks.
 *
 * <p>A stretch between two meetings with the host is cut into graphs of 32, 64, 128 ... works: the device begins after the
 * first of them, while the host goes through the rest.
 */
public final class Repetition implements Backend.Repeated {
    private static final Logger LOG = LoggerFactory.getLogger(Repetition.class);
    private static final int FIRST = 32; // works of the first graph
    private static final int LEAST = 4; // fewer works are no graph
    private static final int MOST_ANEW = 8; // in a row, before nothing is written down any more

    /** Setting the numbers of a node costs the host what a launch does: more than a quarter is not worth it. */
    private static final int CHANGED = 4;

    /** Works {@code from} up to {@code to}, which go to the stream together. */
    private record Segment(int from, int to, @Nullable CudaGraph graph) {}

    private final String name;
    private final CudaQueue queue;
    private final List<Work> works = new ArrayList<>();
    private final List<Segment> segments = new ArrayList<>();
    private @Nullable Thread owner;
    private boolean writing;
    private boolean plain; // nothing is compared until the end
    private int at;
    private int segment;
    private int sent; // works that the stream has been asked for
    private int anew;

    Repetition(String name, CudaQueue queue) {
        this.name = name;
        this.queue = queue;
    }

    void begin() {
        owner = Thread.currentThread();
        at = 0;
        sent = 0;
        segment = 0;
        writing = works.isEmpty();
        plain = anew > MOST_ANEW;
    }

    boolean isMine() {
        return Thread.currentThread() == owner;
    }

    /** @return CUDA's number for what is asked of the stream at once, 0 for success */
    int launch(KernelImages.Kernel kernel, Extent extent, long[] slots, long pointers) {
        if (!plain && !writing) {
            if (at < works.size()
                    && works.get(at) instanceof Work.Launch known
                    && known.repeats(kernel, extent, slots)) {
                advance();
                return 0;
            }
            diverge(kernel.name());
        }
        if (!plain) {
            write(new Work.Launch(kernel, extent, slots, pointers));
        }
        return queue.submit(kernel, extent, slots, queue.stream());
    }

    void add(Work work) {
        if (!plain && !writing) {
            if (at < works.size() && works.get(at).repeats(work)) {
                advance();
                return;
            }
            diverge(work.toString());
        }
        if (!plain) {
            write(work);
        }
        work.enqueue(queue, queue.stream());
    }

    /** The host comes in now: all that was asked for before must be on its way. */
    void meet(Work.Meeting meeting) {
        if (!plain && !writing) {
            if (at < works.size() && works.get(at).repeats(meeting)) {
                at++;
                sent = at;
                return;
            }
            diverge(meeting.toString());
        }
        if (!plain) {
            write(meeting);
        }
    }

    private void write(Work work) {
        works.add(work);
        at = works.size();
        sent = at;
    }

    private void advance() {
        at++;
        if (segments.isEmpty()) {
            send();
        } else if (at == segments.get(segment).to) {
            send(segments.get(segment));
            segment++;
        }
    }

    private void send(Segment whole) {
        CudaGraph graph = whole.graph;
        if (graph == null || changed(whole) * CHANGED > whole.to - whole.from) {
            send();
        } else {
            sent = at;
            graph.launch();
        }
    }

    private int changed(Segment whole) {
        int changed = 0;
        for (int i = whole.from; i < whole.to; i++) {
            changed += works.get(i) instanceof Work.Launch launch && launch.changed() ? 1 : 0;
        }
        return changed;
    }

    /** Launches plainly what was held back. */
    private void send() {
        while (sent < at) {
            works.get(sent++).enqueue(queue, queue.stream());
        }
    }

    private void diverge(String other) {
        send();
        if (segments.isEmpty()) {
            LOG.debug("{}: written down anew from work {} on, {}", name, at, other);
        } else {
            LOG.info(
                    "graph of {}: work {} was {} and is {}, so plain launches until a new one is captured",
                    name,
                    at,
                    at < works.size() ? works.get(at) : "the end",
                    at < works.size() && works.get(at).toString().equals(other) ? "elsewhere or larger" : other);
        }
        forget();
        works.subList(at, works.size()).clear();
        writing = true;
        if (++anew > MOST_ANEW) {
            LOG.warn("{} was never the same {} times in a row: no graphs for it any more", name, anew);
            works.clear();
            plain = true;
        }
    }

    /** What was held back goes out; if anything was, the rest is plain. */
    void flush() {
        if (sent < at) {
            send();
            plain = true;
        }
    }

    /** Another thread came in between. */
    void disturb() {
        send();
        plain = true;
    }

    void end() {
        owner = null;
        if (plain) {
            return;
        }
        if (!writing && at < works.size()) {
            diverge("the end");
        }
        if (!writing) {
            anew = 0;
            if (segments.isEmpty()) {
                capture();
            }
        }
    }

    private void capture() {
        try {
            int from = 0;
            int length = FIRST;
            for (int i = 0; i <= works.size(); i++) {
                boolean meeting = i == works.size() || works.get(i) instanceof Work.Meeting;
                if (meeting || i - from == length) {
                    if (i > from) {
                        segments.add(new Segment(from, i, i - from < LEAST ? null : graph(from, i)));
                    }
                    length = meeting ? FIRST : 2 * length;
                    from = meeting ? i + 1 : i;
                }
            }
            LOG.debug("{}: {} works in {} graphs", name, works.size(), segments.size());
        } catch (BackendException | CudaException e) {
            LOG.warn("{} can not become a graph, so its kernels are launched one by one: {}", name, e.getMessage());
            forget();
            anew = MOST_ANEW + 1;
        }
    }

    private CudaGraph graph(int from, int to) {
        return new CudaGraph(queue, List.copyOf(works.subList(from, to)));
    }

    /** Ends the repetition; what it left unsent goes out. */
    @Override
    public void close() {
        queue.end(this);
    }

    /** Forgets the graphs. */
    void forget() {
        var graphs = new Teardown();
        for (Segment s : segments) {
            if (s.graph != null) {
                graphs.free(s.graph::close);
            }
        }
        segments.clear();
        graphs.end();
    }
}
