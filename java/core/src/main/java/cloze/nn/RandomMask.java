package cloze.nn;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * A random mask over the patches of each image: every patch draws a number, the M smallest are kept. Positions count
 * from {@code lead}, the tokens before the patches that are never hidden, such as a class token.
 *
 * @param idsKeep [B, M] i32, the kept patches, smallest number first
 * @param idsRestore [B, lead + N] i32: index of a token among the {@code lead} and the kept ones, {@code lead + M} or
 *     more if it is hidden
 * @param mask [B, N] i32, 1 is hidden
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
public record RandomMask(Tensor idsKeep, Tensor idsRestore, Tensor mask) {
    /**
     * Patch i of image b draws number {@code (b n + i) % 4} of counter {@code (b n + i) / 4}; the smaller index is first
     * where two are equal in their upper 24 bits.
     */
    public interface Draw {
        void call(
                Tensor idsKeep,
                Tensor idsRestore,
                Tensor mask,
                long b,
                long n,
                long m,
                long lead,
                long seed,
                long offset);
    }

    /** The number of {@code patches} that are kept, as in the paper's code: rounded down, at least one. */
    public static int kept(int patches, double ratio) {
        if (!(ratio >= 0 && ratio <= 0.95)) {
            throw new IllegalArgumentException("the ratio of hidden patches must be in [0, 0.95], but it is " + ratio);
        }
        return Math.max(1, (int) (patches * (1 - ratio)));
    }

    /**
     * The mask from given numbers; the smaller index is first where two are equal.
     *
     * @param noise [B, N]
     */
    public static RandomMask of(Tape tape, float[] noise, int patches, int kept, int lead) {
        int images = noise.length / patches;
        var keep = new int[images * kept];
        var restore = new int[images * (lead + patches)];
        var mask = new int[images * patches];
        for (int image = 0; image < images; image++) {
            int row = image * patches;
            int place = image * (lead + patches);
            for (int i = 0; i < lead; i++) {
                restore[place + i] = i;
            }
            int[] order = order(noise, row, patches);
            System.arraycopy(order, 0, keep, image * kept, kept);
            for (int rank = 0; rank < patches; rank++) {
                restore[place + lead + order[rank]] = lead + rank;
                mask[row + order[rank]] = rank < kept ? 0 : 1;
            }
        }
        RandomMask made = room(tape, images, patches, kept, lead);
        Backend backend = tape.backend();
        backend.set(made.idsKeep, keep);
        backend.set(made.idsRestore, restore);
        backend.set(made.mask, mask);
        return made;
    }

    /** The patches of one image, smallest number first. */
    private static int[] order(float[] noise, int row, int patches) {
        return IntStream.range(0, patches)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> noise[row + i])) // stable
                .mapToInt(Integer::intValue)
                .toArray();
    }

    private static RandomMask room(Tape tape, int images, int patches, int kept, int lead) {
        Scope scope = tape.scope();
        return new RandomMask(
                scope.tensor("ids_keep", new Shape(images, kept), DType.I32),
                scope.tensor("ids_restore", new Shape(images, lead + patches), DType.I32),
                scope.tensor("mask", new Shape(images, patches), DType.I32));
    }

    /** @param offset differs between steps */
    public static RandomMask draw(Tape tape, int images, int patches, int kept, int lead, long seed, long offset) {
        RandomMask drawn = room(tape, images, patches, kept, lead);
        tape.backend()
                .kernel(Draw.class)
                .call(drawn.idsKeep, drawn.idsRestore, drawn.mask, images, patches, kept, lead, seed, offset);
        return drawn;
    }
}
