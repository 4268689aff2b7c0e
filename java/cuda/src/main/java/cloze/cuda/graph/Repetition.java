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
 * Work that one thread enqueues again and again, such as a micro-batch of training. The first time it is recorded. The second
 * time it is compared; if all was the same (kernels, extents, addresses), it becomes graphs. Later a graph is launched instead of
 * its kernels, once all of them have been enqueued again. Numbers may differ: they are set in the graph. If anything else
 * differs, the waiting work is launched kernel by kernel and recording begins again: a graph never runs work that was not
 * enqueued. Callers hold the lock of the queue.
 *
 * <p>The work between two copies to or from the host is cut into graphs of 32, 64, 128 ... pieces: the device begins after
 * the first graph while the host goes through the rest.
 */
public final class Repetition implements Backend.Repeated {
    private static final Logger LOG = LoggerFactory.getLogger(Repetition.class);
    private static final int FIRST = 32; // pieces of work in the first graph
    private static final int LEAST = 4; // fewer pieces are not worth a graph
    private static final int MOST_ANEW = 8; // recordings in a row, before graphs are given up

    /** Setting the numbers of a node costs the host as much as a launch: a graph is not used if more than a quarter changed. */
    private static final int CHANGED = 4;

    /** Work {@code from} up to {@code to}, which goes to the stream together. */
    private record Segment(int from, int to, @Nullable CudaGraph graph) {}

    private final String name;
    private final CudaQueue queue;
    private final List<Work> works = new ArrayList<>();
    private final List<Segment> segments = new ArrayList<>();
    private @Nullable Thread owner;
    private boolean writing;
    private boolean plain; // no comparison until the end
    private int at;
    private int segment;
    private int sent; // pieces of work that are in the stream
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

    /** @return the driver's result if the kernel is launched now, 0 for success or if it waits */
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

    /** The host copies now: all work before must be in the stream. */
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

    /** Launches the waiting work piece by piece. */
    private void send() {
        while (sent < at) {
            works.get(sent++).enqueue(queue, queue.stream());
        }
    }

    private void diverge(String other) {
        send();
        if (segments.isEmpty()) {
            LOG.debug("{}: recorded again from work {} on, {}", name, at, other);
        } else {
            LOG.info(
                    "graph of {}: work {} was {} and is {}, so kernels are launched one by one until a new graph is captured",
                    name,
                    at,
                    at < works.size() ? works.get(at) : "the end",
                    at < works.size() && works.get(at).toString().equals(other) ? "elsewhere or larger" : other);
        }
        forget();
        works.subList(at, works.size()).clear();
        writing = true;
        if (++anew > MOST_ANEW) {
            LOG.warn("{} has changed {} times in a row: no graphs for it any more", name, anew);
            works.clear();
            plain = true;
        }
    }

    /** Launches the waiting work; if there was any, the rest of this time is launched without graphs. */
    void flush() {
        if (sent < at) {
            send();
            plain = true;
        }
    }

    /** Another thread has enqueued work: the rest of this time is launched without graphs. */
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

    /** Ends the repetition and launches the waiting work. */
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
