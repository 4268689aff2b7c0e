package cloze.cuda.cudnn;

import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.graph.Work;
import cloze.cuda.launch.Launcher;
import cloze.op.Lstm;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@link Lstm} by cuDNN, in f32 and tf32. Own kernels do what is in bf16, whose biases and gradients of weights are f32 here
 * and bf16 there, what is empty, and what lies at addresses that are no multiples of 16.
 */
public final class CudnnLstm implements Lstm.Forward, Lstm.Backward {
    /** Own kernels, the first two whole. */
    public record Own(Lstm.Forward forward, Lstm.Backward backward, Launcher add) {}

    private final Driver driver;
    private final CudaQueue queue;
    private final CudnnLstms library;
    private final boolean tf32;
    private final Own own;

    public CudnnLstm(Driver driver, CudaQueue queue, CudnnLstms library, boolean tf32, Own own) {
        this.driver = driver;
        this.queue = queue;
        this.library = library;
        this.tf32 = tf32;
        this.own = own;
    }

    /** Enough for either way. */
    @Override
    public Shape kept(Shape x, DType dtype, int hidden, boolean bias) {
        synchronized (queue) {
            driver.enter();
            CudnnLstmPlan plan = plan(x, dtype, hidden, bias);
            Shape usual = Lstm.Forward.super.kept(x, dtype, hidden, bias);
            return plan == null || plan.keptBytes() <= usual.size() * Float.BYTES
                    ? usual
                    : new Shape(Math.toIntExact(Math.ceilDiv(plan.keptBytes(), (long) Float.BYTES)));
        }
    }

    private @Nullable CudnnLstmPlan plan(Shape x, DType dtype, int hidden, boolean bias) {
        return dtype != DType.F32 || x.size() == 0 || hidden == 0
                ? null
                : library.plan(new CudnnLstmProblem(x.extent(0), x.extent(1), x.extent(2), hidden, bias, tf32));
    }

    /** Forward and backward ask the same of the same tensors, so that what one keeps the other understands. */
    private @Nullable CudnnLstmPlan plan(Tensor x, Tensor h, Tensor c, @Nullable Tensor bias, Tensor y, Tensor kept) {
        boolean aligned = (at(x) | at(h) | at(c) | at(y) | at(kept)) % Cudnn.ALIGNMENT == 0;
        return aligned ? plan(x.shape(), x.dtype(), h.shape().extent(1), bias != null) : null;
    }

    @Override
    public void call(
            Tensor x,
            Tensor h,
            Tensor c,
            Tensor inputWeight,
            Tensor hiddenWeight,
            @Nullable Tensor bias,
            Tensor y,
            Tensor lastH,
            Tensor lastC,
            Tensor kept,
            long b,
            long t,
            long in,
            long hidden) {
        synchronized (queue) {
            driver.enter();
            CudnnLstmPlan plan = plan(x, h, c, bias, y, kept);
            if (plan == null) {
                own.forward.call(x, h, c, inputWeight, hiddenWeight, bias, y, lastH, lastC, kept, b, t, in, hidden);
                return;
            }
            var cut = new ScratchCut();
            long weights = cut.of(plan.weightBytes());
            long workspace = cut.of(plan.workspaceBytes());
            ScratchCut.Place toH = cut.place(lastH, lastH.bytes(), false);
            ScratchCut.Place toC = cut.place(lastC, lastC.bytes(), false);
            long scratch = queue.scratch(cut.bytes());
            gather(plan, new Weights(inputWeight, hiddenWeight, bias), scratch + weights);
            var call = new CudnnLstms.Forward(
                    plan.problem,
                    at(x),
                    at(h),
                    at(c),
                    scratch + weights,
                    at(y),
                    toH.at(scratch),
                    toC.at(scratch),
                    scratch + workspace,
                    at(kept));
            queue.library(call, stream -> library.run(call, stream));
            settle(toH, scratch, false);
            settle(toC, scratch, false);
        }
    }

    @Override
    public void call(
            Tensor x,
            Tensor h,
            Tensor c,
            Tensor inputWeight,
            Tensor hiddenWeight,
            @Nullable Tensor bias,
            Tensor y,
            Tensor kept,
            @Nullable Tensor dy,
            @Nullable Tensor dlastH,
            @Nullable Tensor dlastC,
            @Nullable Tensor dx,
            @Nullable Tensor dh,
            @Nullable Tensor dc,
            @Nullable Tensor dinputWeight,
            @Nullable Tensor dhiddenWeight,
            @Nullable Tensor dbias,
            long b,
            long t,
            long in,
            long hidden,
            long accumulate) {
        synchronized (queue) {
            driver.enter();
            CudnnLstmPlan plan = plan(x, h, c, bias, y, kept);
            if (plan == null) {
                own.backward.call(
                        x,
                        h,
                        c,
                        inputWeight,
                        hiddenWeight,
                        bias,
                        y,
                        kept,
                        dy,
                        dlastH,
                        dlastC,
                        dx,
                        dh,
                        dc,
                        dinputWeight,
                        dhiddenWeight,
                        dbias,
                        b,
                        t,
                        in,
                        hidden,
                        accumulate);
                return;
            }
            boolean addX = (accumulate & 1) != 0;
            boolean addH = (accumulate & 2) != 0;
            boolean addC = (accumulate & 4) != 0;
            boolean learns = dinputWeight != null || dhiddenWeight != null || dbias != null;
            var cut = new ScratchCut();
            long weights = cut.of(plan.weightBytes());
            long dweights = cut.of(learns ? plan.weightBytes() : 0);
            long workspace = cut.of(plan.workspaceBytes());
            ScratchCut.Place fromY = cut.place(dy, y.bytes(), false);
            ScratchCut.Place fromH = cut.place(dlastH, h.bytes(), false);
            ScratchCut.Place fromC = cut.place(dlastC, c.bytes(), false);
            ScratchCut.Place toX = cut.place(dx, x.bytes(), addX);
            ScratchCut.Place toH = cut.place(dh, h.bytes(), addH);
            ScratchCut.Place toC = cut.place(dc, c.bytes(), addC);
            long scratch = queue.scratch(cut.bytes());
            bring(fromY, scratch);
            bring(fromH, scratch);
            bring(fromC, scratch);
            gather(plan, new Weights(inputWeight, hiddenWeight, bias), scratch + weights);
            if (learns) {
                queue.add(new Work.Zero(scratch + dweights, plan.weightBytes()));
            }
            var call = new CudnnLstms.Backward(
                    plan.problem,
                    at(x),
                    at(h),
                    at(c),
                    scratch + weights,
                    at(y),
                    fromY.at(scratch),
                    fromH.at(scratch),
                    fromC.at(scratch),
                    toX.at(scratch),
                    toH.at(scratch),
                    toC.at(scratch),
                    learns ? scratch + dweights : 0,
                    scratch + workspace,
                    at(kept));
            queue.library(call, stream -> library.run(call, stream));
            settle(toX, scratch, addX);
            settle(toH, scratch, addH);
            settle(toC, scratch, addC);
            scatter(plan, scratch + dweights, new Weights(dinputWeight, dhiddenWeight, dbias), accumulate);
        }
    }

    /** The weights, or their gradients. */
    private record Weights(
            @Nullable Tensor input,
            @Nullable Tensor hidden,
            @Nullable Tensor bias) {
        @Nullable
        Tensor of(CudnnLstmPlan.Weight weight) {
            return switch (weight) {
                case INPUT -> input;
                case HIDDEN -> hidden;
                case BIAS -> bias;
            };
        }
    }

    private void gather(CudnnLstmPlan plan, Weights from, long to) {
        for (CudnnLstmPlan.Piece piece : plan.pieces()) {
            long at = at(Objects.requireNonNull(from.of(piece.weight())));
            queue.add(new Work.Copy(at + piece.from(), to + piece.to(), piece.bytes()));
        }
    }

    private void scatter(CudnnLstmPlan plan, long from, Weights to, long accumulate) {
        for (CudnnLstmPlan.Piece piece : plan.pieces()) {
            Tensor target = to.of(piece.weight());
            if (target != null) {
                boolean add = (accumulate & piece.weight().accumulate) != 0;
                move(from + piece.to(), at(target) + piece.from(), piece.bytes(), add);
            }
        }
    }

    /** A gradient that has arrived to where cuDNN reads it; where none has, zeros. */
    private void bring(ScratchCut.Place place, long scratch) {
        if (place.tensor() == null) {
            queue.add(new Work.Zero(place.at(scratch), place.bytes()));
        } else if (place.isCopy()) {
            queue.add(new Work.Copy(at(place.tensor()), place.at(scratch), place.bytes()));
        }
    }

    /** What cuDNN has made to where it is wanted. */
    private void settle(ScratchCut.Place place, long scratch, boolean add) {
        if (place.tensor() != null && place.isCopy()) {
            move(place.at(scratch), at(place.tensor()), place.bytes(), add);
        }
    }

    private void move(long from, long to, long bytes, boolean add) {
        if (add) {
            own.add.callAs(false, from, to, bytes / Float.BYTES);
        } else {
            queue.add(new Work.Copy(from, to, bytes));
        }
    }

    private static long at(Tensor tensor) {
        return tensor.memory().address();
    }
}
