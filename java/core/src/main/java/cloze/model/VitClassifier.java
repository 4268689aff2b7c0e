package cloze.model;

import cloze.autograd.Tape;
import cloze.nn.HostValues;
import cloze.nn.Init;
import cloze.nn.Linear;
import cloze.nn.Norm;
import cloze.nn.ParameterSource;
import cloze.nn.Role;
import cloze.nn.Stack;
import cloze.op.GatherTokens;
import cloze.op.MeanPool;
import cloze.op.SoftTargetCrossEntropy;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The encoder of a masked autoencoder with a linear head, fine-tuned as a whole. It sees all patches and has no
 * decoder. Names of parameters are those of the paper's code and of timm.
 *
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, appendix A.1</a>
 */
public final class VitClassifier {
    private static final Init HEAD = Init.normal(0.01);
    private static final String BLOCKS = "blocks.";

    private final VitClassifierConfig config;
    private final Vit encoder;
    private final @Nullable Norm norm;
    private final Linear head;

    public VitClassifier(VitClassifierConfig config, ParameterSource p) {
        this.config = config;
        Stack stack = config.encoder().stack();
        boolean mean = config.pool() == Pooling.MEAN;
        encoder = new Vit(config.encoder(), p, !mean, config.dropPath());
        norm = mean ? Norm.of(p.in(Vit.POOLED_NORM), Norm.Kind.LAYER, stack.width(), stack.epsilon()) : null;
        head = new Linear(
                p.parameter("head.weight", new Shape(config.classes(), stack.width()), Role.TABLE, HEAD),
                p.parameter("head.bias", new Shape(config.classes()), Role.VECTOR, Init.zeros()));
    }

    public VitClassifierConfig config() {
        return config;
    }

    /**
     * The depth of a parameter: 0 for embeddings, 1 + i for block i, {@link #depths} - 1 for the head and the norm
     * before it.
     */
    public static int depth(VitClassifierConfig config, String parameter) {
        if (parameter.startsWith(BLOCKS)) {
            return 1 + Integer.parseInt(parameter.substring(BLOCKS.length(), parameter.indexOf('.', BLOCKS.length())));
        }
        boolean embedding = parameter.startsWith("patch_embed.")
                || parameter.equals("cls_token")
                || parameter.equals(Vit.POSITIONS);
        return embedding ? 0 : depths(config) - 1;
    }

    /** The number of depths. */
    public static int depths(VitClassifierConfig config) {
        return config.encoder().stack().layers() + 2;
    }

    /**
     * The patches of a batch of images.
     *
     * @param images [B, H, W, C] row by row, normalised
     * @return [B, N, P P C]
     */
    public Tensor patches(Tape tape, float[] images) {
        return encoder.patches(tape, images);
    }

    /**
     * The logits of whole images.
     *
     * @param patches [B, N, P P C]
     * @return [B, V]
     */
    public Tensor logits(Tape tape, Tensor patches) {
        Tensor tokens = encoder.encode(tape, encoder.place(tape, encoder.embed(tape, patches))); // [B, 1 + N, D]
        return head.forward(tape, pooled(tape, tokens));
    }

    /** @return [B, D] */
    private Tensor pooled(Tape tape, Tensor tokens) {
        if (norm == null) {
            Tensor first = HostValues.ids(tape, "class token", tokens, 1, _ -> 0);
            return tape.apply(new MeanPool(tape.apply(new GatherTokens(tokens, first)), null)); // of one: [B, D]
        }
        int all = tokens.shape().extent(1);
        Tensor patches = HostValues.ids(tape, "patches", tokens, all, i -> i < Vit.LEAD ? 0 : 1);
        Tensor mean = tape.apply(new MeanPool(tokens, patches));
        return norm.forward(tape, new Norm.Residual(mean, null)).y();
    }

    /**
     * Copies shares of classes to the device.
     *
     * @param targets [B, V]
     */
    public Tensor targets(Tape tape, float[] targets) {
        return HostValues.real(tape, "targets", targets, targets.length / config.classes(), config.classes());
    }

    /**
     * The cross-entropy against soft targets, a scalar, and that of each image [B].
     *
     * @param logits [B, V]
     * @param targets [B, V], a share for each class
     */
    public List<Tensor> losses(Tape tape, Tensor logits, Tensor targets) {
        return tape.applyAll(new SoftTargetCrossEntropy(logits, targets));
    }
}
