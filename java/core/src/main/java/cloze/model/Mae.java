package cloze.model;

import cloze.autograd.Tape;
import cloze.nn.GridPositions;
import cloze.nn.Linear;
import cloze.nn.ParameterSource;
import cloze.nn.RandomMask;
import cloze.nn.Role;
import cloze.nn.Transformer;
import cloze.op.MaskedMse;
import cloze.op.RestoreTokens;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;

/**
 * The masked autoencoder: an encoder that sees only the kept patches, and a decoder that predicts the pixels of the
 * hidden ones from its output. Names of parameters are those of the paper's code.
 *
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
public final class Mae implements MaskedImageModel {
    /** Name of learned positions of the decoder. */
    public static final String DECODER_POSITIONS = "decoder_pos_embed";

    private final MaeConfig config;
    private final Vit encoder;
    private final Linear decoderEmbed;
    private final Tensor maskToken;
    private final GridPositions decoderPositions;
    private final Transformer decoder;
    private final Linear prediction;

    public Mae(MaeConfig config, ParameterSource p) {
        this.config = config;
        int narrow = config.decoder().width();
        encoder = new Vit(config.vit(), p);
        decoderEmbed =
                Transformer.linear(p.in("decoder_embed"), config.encoder().width(), narrow);
        maskToken = p.parameter("mask_token", new Shape(narrow), Role.VECTOR, Vit.TOKEN);
        decoderPositions = new GridPositions(p, DECODER_POSITIONS, Vit.LEAD, config.grid(), config.decoder());
        decoder = new Transformer(p, "decoder_blocks", "decoder_norm", config.decoder());
        prediction = Transformer.linear(p.in("decoder_pred"), narrow, config.pixels());
    }

    public MaeConfig config() {
        return config;
    }

    @Override
    public Vit encoder() {
        return encoder;
    }

    @Override
    public int hidden() {
        return config.patches() - config.kept();
    }

    @Override
    public boolean normalizes() {
        return config.normalize();
    }

    @Override
    public RandomMask mask(Tape tape, int images, long seed, long offset) {
        return RandomMask.draw(tape, images, config.patches(), config.kept(), Vit.LEAD, seed, offset);
    }

    /**
     * A mask from given numbers.
     *
     * @param noise [B, N]; the patches with the M smallest of a row are kept
     */
    public RandomMask mask(Tape tape, float[] noise) {
        return RandomMask.of(tape, noise, config.patches(), config.kept(), Vit.LEAD);
    }

    @Override
    public List<Tensor> losses(Tape tape, Tensor patches, RandomMask mask) {
        Tensor predicted = predict(tape, patches, mask);
        return tape.applyAll(new MaskedMse(predicted, patches, mask.mask(), config.normalize()));
    }

    @Override
    public Tensor predict(Tape tape, Tensor patches, RandomMask mask) {
        Tensor latent = encode(tape, patches, mask.idsKeep()); // [B, 1 + M, D]
        Tensor narrow = decoderEmbed.forward(tape, latent);
        Tensor full = tape.apply(new RestoreTokens(narrow, maskToken, mask.idsRestore())); // [B, 1 + N, decoder's D]
        Tensor decoded = decoder.forward(tape, decoderPositions.add(tape, full));
        return encoder.behindClassToken(tape, prediction.forward(tape, decoded));
    }

    /**
     * The encoder over some patches, each at its own position.
     *
     * @param idsKeep [B, M] i32
     * @return [B, 1 + M, D], the class token first
     */
    public Tensor encode(Tape tape, Tensor patches, Tensor idsKeep) {
        return encoder.encode(tape, patches, idsKeep);
    }

    /** The vectors of whole images: the mean of the patches' tokens, [B, D]. */
    public Tensor features(Tape tape, Tensor patches) {
        return encoder.features(tape, patches);
    }
}
